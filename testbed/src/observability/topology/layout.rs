//! Where everything stands: layers from left to right, each service in a later one than those
//! that call it.
//!
//! Labels can't overlap, as each edge has a row of its own where it arrives, and where it
//! passes a layer. Services that call each other in circles stand in one column within a
//! frame; their calls run through lanes to its right.

use super::cycles::Components;
use super::graph::Graph;
use super::layers::{Layers, Link};

/// The width of a service.
pub const BOX: f64 = 168.0;
/// The least height of one.
const BOX_HEIGHT: f64 = 60.0;
/// The height of an edge's row.
pub const ROW: f64 = 21.0;
/// The room for what an edge's label says, and its arrow's head.
pub const LABEL: f64 = 142.0;
/// The head of an arrow.
pub const HEAD: f64 = 12.0;
/// From lane to lane.
const LANE: f64 = 12.0;
/// Between services one above the other.
const GAP: f64 = 22.0;
/// What an edge takes that passes a layer.
const BEND: f64 = 18.0;
/// Between a frame and what it holds.
const FRAME: f64 = 12.0;
/// What a frame is called.
const HEADING: f64 = 20.0;
/// Between two layers: at least, for each edge there, and at most.
const BETWEEN: (f64, f64, f64) = (36.0, 4.0, 110.0);

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Its left side.
    pub x: f64,
    /// Its top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// How an edge runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// Through these points: level from one to the next, and in curves where their heights
    /// differ.
    Through(Vec<(f64, f64)>),
    /// From the right side of a box through a lane and back to that side, of the same box or
    /// of another one in its frame.
    Around {
        /// The side.
        side: f64,
        /// The lane.
        lane: f64,
        /// Where it leaves the side.
        from: f64,
        /// Where it comes back.
        to: f64,
    },
}

/// An edge that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its place among the graph's edges.
    pub edge: usize,
    /// How it runs.
    pub way: Way,
    /// The row that its label stands in, at the head of its arrow.
    pub label: Rect,
}

/// Services that call each other in circles.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Around what.
    pub rect: Rect,
    /// Who is in it.
    pub members: Vec<usize>,
}

/// The whole picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Its size.
    pub size: (f64, f64),
    /// The services, by their places in the graph.
    pub boxes: Vec<Option<Rect>>,
    /// The circles of more than one.
    pub frames: Vec<Frame>,
    /// The edges.
    pub routes: Vec<Route>,
}

/// Places all that has edges.
pub fn place(graph: &Graph) -> Layout {
    if graph.edges.is_empty() {
        return Layout { boxes: vec![None; graph.services.len()], ..Layout::default() };
    }
    let plan = Plan::new(graph);
    let columns = plan.columns();
    plan.draw(&columns)
}

/// A layer's places on the axis from left to right.
#[derive(Clone, Copy, Debug)]
struct Column {
    start: f64,
    /// Where boxes begin.
    boxes: f64,
    end: f64,
}

/// What stands where, before anything has its height in rows.
struct Plan {
    edges: Vec<(usize, usize)>,
    components: Components,
    /// The layer of each component.
    ranks: Vec<usize>,
    /// What each edge passes, its ends' components among them; none within a component.
    chains: Vec<Vec<usize>>,
    layers: Layers,
    tops: Vec<f64>,
}

impl Plan {
    fn new(graph: &Graph) -> Self {
        let edges: Vec<_> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let components = Components::new(graph.services.len(), &edges);
        let ranks = ranks(&components, &edges);
        let count = components.members.len();
        let layers = Layers { layers: vec![], heights: vec![0.0; count], links: Vec::new() };
        let mut plan = Self { edges, components, ranks, chains: vec![], layers, tops: Vec::new() };
        plan.layers.layers = vec![Vec::new(); plan.ranks.iter().max().map_or(0, |last| last + 1)];
        let with_edges: Vec<_> = (0..count).filter(|it| plan.has_edges(*it)).collect();
        for component in with_edges {
            plan.layers.layers[plan.ranks[component]].push(component);
            plan.layers.heights[component] = plan.height(component) + GAP;
        }
        plan.chains = (0..plan.edges.len()).map(|edge| plan.chain(edge)).collect();
        plan.layers.sort();
        plan.tops = plan.layers.tops();
        plan
    }

    fn has_edges(&self, component: usize) -> bool {
        let of = |service: usize| self.components.of[service] == component;
        self.edges.iter().any(|(from, to)| of(*from) || of(*to))
    }

    /// Links the ends of an edge, with a bend in each layer between them.
    fn chain(&mut self, edge: usize) -> Vec<usize> {
        let (from, to) = self.ends(edge);
        if from == to {
            return vec![];
        }
        let mut chain = vec![from];
        for layer in self.ranks[from] + 1..self.ranks[to] {
            let bend = self.layers.heights.len();
            self.layers.heights.push(BEND);
            self.layers.layers[layer].push(bend);
            chain.push(bend);
        }
        chain.push(to);
        // What passes layers shall pass them straight.
        let components = self.components.members.len();
        let links = chain.windows(2).map(|pair| {
            let bends = pair.iter().filter(|thing| **thing >= components).count();
            Link { from: pair[0], to: pair[1], weight: [1.0, 2.0, 8.0][bends] }
        });
        self.layers.links.extend(links);
        chain
    }

    fn ends(&self, edge: usize) -> (usize, usize) {
        let (from, to) = self.edges[edge];
        (self.components.of[from], self.components.of[to])
    }

    fn is_inner(&self, edge: usize) -> bool {
        let (from, to) = self.ends(edge);
        from == to
    }

    /// Edges that come from other components to the left side of a service.
    fn left(&self, service: usize) -> impl Iterator<Item = usize> {
        (0..self.edges.len())
            .filter(move |edge| self.edges[*edge].1 == service && !self.is_inner(*edge))
    }

    /// Ends of edges at the right side of a service, and whether they leave it there.
    fn right(&self, service: usize) -> impl Iterator<Item = (usize, bool)> {
        (0..self.edges.len()).flat_map(move |edge| {
            let leaves = (self.edges[edge].0 == service).then_some((edge, true));
            let comes = self.edges[edge].1 == service && self.is_inner(edge);
            leaves.into_iter().chain(comes.then_some((edge, false)))
        })
    }

    fn box_height(&self, service: usize) -> f64 {
        let rows = self.left(service).count().max(self.right(service).count());
        BOX_HEIGHT.max(rows as f64 * ROW + 8.0)
    }

    fn is_framed(&self, component: usize) -> bool {
        self.components.members[component].len() > 1
    }

    /// The height of a component, its frame included.
    fn height(&self, component: usize) -> f64 {
        let members = &self.components.members[component];
        let boxes: f64 = members.iter().map(|service| self.box_height(*service)).sum();
        let gaps = (members.len() as f64 - 1.0) * GAP;
        boxes + gaps + if self.is_framed(component) { HEADING + FRAME } else { 0.0 }
    }

    fn inner(&self, component: usize) -> Vec<usize> {
        let within = |edge: &usize| self.is_inner(*edge) && self.ends(*edge).0 == component;
        (0..self.edges.len()).filter(within).collect()
    }

    fn columns(&self) -> Vec<Column> {
        let count = self.components.members.len();
        let mut x = 0.0;
        let mut columns = Vec::new();
        for (at, things) in self.layers.layers.iter().enumerate() {
            let components = || things.iter().copied().filter(|thing| *thing < count);
            let frame = if components().any(|it| self.is_framed(it)) { FRAME } else { 0.0 };
            let lanes = components().map(|it| self.inner(it).len()).max().unwrap_or(0);
            let label = if at > 0 { LABEL } else { 0.0 };
            let boxes = x + label + frame;
            let around = if lanes > 0 { LABEL + lanes as f64 * LANE } else { 0.0 };
            let end = boxes + BOX + around + frame;
            columns.push(Column { start: x, boxes, end });
            let in_layer = |thing: usize| things.contains(&thing);
            let links = self.layers.links.iter().filter(|link| in_layer(link.from)).count();
            let (least, each, most) = BETWEEN;
            x = end + (least + each * links as f64).min(most);
        }
        columns
    }

    fn draw(&self, columns: &[Column]) -> Layout {
        let mut layout =
            Layout { boxes: vec![None; self.components.of.len()], ..Layout::default() };
        let count = self.components.members.len();
        let placed = self.layers.layers.iter().zip(columns);
        for (component, column) in placed
            .flat_map(|(things, column)| things.iter().map(move |thing| (*thing, column)))
            .filter(|(thing, _)| *thing < count)
        {
            self.draw_component(component, column, &mut layout);
        }
        for edge in 0..self.edges.len() {
            let route = match self.is_inner(edge) {
                true => self.around(edge, &layout),
                false => self.through(edge, columns, &layout),
            };
            layout.routes.extend(route);
        }
        let bottoms = self.layers.layers.iter().flatten();
        let bottom = bottoms.map(|it| self.tops[*it] + self.layers.heights[*it]);
        layout.size = (columns.last().map_or(0.0, |last| last.end), bottom.fold(0.0, f64::max));
        layout
    }

    fn draw_component(&self, component: usize, column: &Column, layout: &mut Layout) {
        let members = &self.components.members[component];
        let top = self.tops[component];
        let mut y = top + if self.is_framed(component) { HEADING } else { 0.0 };
        for service in members {
            let height = self.box_height(*service);
            layout.boxes[*service] = Some(Rect { x: column.boxes, y, width: BOX, height });
            y += height + GAP;
        }
        if self.is_framed(component) {
            let lanes = self.inner(component).len() as f64;
            let width = BOX + LABEL + lanes * LANE + 2.0 * FRAME;
            let rect =
                Rect { x: column.boxes - FRAME, y: top, width, height: self.height(component) };
            layout.frames.push(Frame { rect, members: members.clone() });
        }
    }

    /// The height at which each row of a side is, those that lead higher first.
    fn row(&self, rect: Rect, wanted: f64, mut all: Vec<f64>) -> f64 {
        all.sort_by(f64::total_cmp);
        let at = all.iter().position(|other| *other == wanted).unwrap_or(0);
        rect.y + rect.height / 2.0 + (at as f64 - (all.len() as f64 - 1.0) / 2.0) * ROW
    }

    /// Where an edge comes from, seen from its destination; no two are alike.
    fn source_key(&self, edge: usize, layout: &Layout) -> f64 {
        let chain = &self.chains[edge];
        let before = chain[chain.len() - 2];
        let height = match before < self.components.members.len() {
            true => layout.boxes[self.edges[edge].0].map_or(0.0, |rect| rect.y),
            false => self.tops[before],
        };
        height + edge as f64 * 1e-6
    }

    /// Where the end of an edge at a right side leads; no two are alike.
    fn target_key(&self, edge: usize, leaves: bool, layout: &Layout) -> f64 {
        let of = |service: usize| layout.boxes[service].map_or(0.0, |rect| rect.y);
        let height = match self.chains[edge].get(1) {
            Some(next) if *next >= self.components.members.len() => self.tops[*next],
            Some(_) => of(self.edges[edge].1),
            None if leaves => of(self.edges[edge].1) + 0.5,
            None => of(self.edges[edge].0),
        };
        height + edge as f64 * 1e-6 + if leaves { 0.0 } else { 5e-7 }
    }

    fn right_row(&self, service: usize, end: (usize, bool), layout: &Layout) -> Option<f64> {
        let all = self.right(service).map(|(edge, leaves)| self.target_key(edge, leaves, layout));
        let wanted = self.target_key(end.0, end.1, layout);
        Some(self.row(layout.boxes[service]?, wanted, all.collect()))
    }

    fn through(&self, edge: usize, columns: &[Column], layout: &Layout) -> Option<Route> {
        let (from, to) = self.edges[edge];
        let (source, target) = (layout.boxes[from]?, layout.boxes[to]?);
        let leaves = self.right_row(from, (edge, true), layout)?;
        let sources = self.left(to).map(|edge| self.source_key(edge, layout)).collect();
        let arrives = self.row(target, self.source_key(edge, layout), sources);
        let first = self.ranks[self.components.of[from]];
        let last = self.ranks[self.components.of[to]];
        let mut points = vec![(source.x + source.width, leaves), (columns[first].end, leaves)];
        let bends = self.chains[edge].iter().skip(1);
        for (bend, column) in bends.zip(&columns[first + 1..last]) {
            let y = self.tops[*bend] + BEND / 2.0;
            points.extend([(column.start, y), (column.end, y)]);
        }
        points.extend([(columns[last].start, arrives), (target.x, arrives)]);
        let label = Rect { x: columns[last].start, y: arrives - ROW, width: LABEL, height: ROW };
        Some(Route { edge, way: Way::Through(points), label })
    }

    fn around(&self, edge: usize, layout: &Layout) -> Option<Route> {
        let (from, to) = self.edges[edge];
        let side = layout.boxes[from]?.x + BOX;
        let mut inner = self.inner(self.components.of[from]);
        // The shorter a way, the closer its lane.
        let span = |edge: usize| {
            let (from, to) = self.edges[edge];
            Some((layout.boxes[from]?.y - layout.boxes[to]?.y).abs())
        };
        inner.sort_by(|one, other| span(*one).partial_cmp(&span(*other)).expect("numbers"));
        let lane = inner.iter().position(|it| *it == edge)? as f64;
        let arrives = self.right_row(to, (edge, false), layout)?;
        let way = Way::Around {
            side,
            lane: side + LABEL + lane * LANE,
            from: self.right_row(from, (edge, true), layout)?,
            to: arrives,
        };
        let label = Rect { x: side, y: arrives - ROW, width: LABEL, height: ROW };
        Some(Route { edge, way, label })
    }
}

/// The layer of each component: after all that call it, and not further from whom it calls
/// than need be.
fn ranks(components: &Components, edges: &[(usize, usize)]) -> Vec<usize> {
    let of = &components.of;
    let between: Vec<_> = edges.iter().map(|(from, to)| (of[*from], of[*to])).collect();
    let between = || between.iter().filter(|(from, to)| from != to);
    let mut ranks = vec![0; components.members.len()];
    for component in 0..ranks.len() {
        let callers = between().filter(|(_, to)| *to == component);
        ranks[component] = callers.map(|(from, _)| ranks[*from] + 1).max().unwrap_or(0);
    }
    for component in (0..ranks.len()).rev() {
        let called = between().filter(|(from, _)| *from == component);
        let nearest = called.map(|(_, to)| ranks[*to] - 1).min();
        if between().all(|(_, to)| *to != component) {
            ranks[component] = nearest.unwrap_or(0);
        }
    }
    ranks
}
