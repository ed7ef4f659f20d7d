//! Things in layers: in which order those of a layer stand, so that few connections cross,
//! and how high, so that connections run straight.
//!
//! The way of Sugiyama, Tagawa and Toda: means of neighbours for the order, swept back and
//! forth. Heights are the least squares that leave room for all.

/// How often the layers are swept.
const SWEEPS: usize = 24;

/// Things in layers, and what connects those of a layer with those of the next.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The things of each layer, from the top downwards.
    pub layers: Vec<Vec<usize>>,
    /// How high each thing is, with the room below it.
    pub heights: Vec<f64>,
    /// Connections, from a layer to the next, and how much each pulls.
    pub links: Vec<Link>,
}

/// What connects two things.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// In a layer.
    pub from: usize,
    /// In the next.
    pub to: usize,
    /// How much it pulls.
    pub weight: f64,
}

impl Layers {
    /// Orders each layer so that few connections cross.
    pub fn sort(&mut self) {
        let (mut best, mut fewest) = (self.layers.clone(), self.crossings());
        for sweep in 0..SWEEPS {
            let forth = sweep % 2 == 0;
            for at in self.each(forth) {
                self.sort_layer(at, forth);
            }
            let crossings = self.crossings();
            if crossings < fewest {
                (best, fewest) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
    }

    /// The layers in the order of a sweep.
    fn each(&self, forth: bool) -> Vec<usize> {
        let all = 0..self.layers.len();
        if forth { all.collect() } else { all.rev().collect() }
    }

    /// Sorts a layer by the means of its neighbours in the layer that the sweep comes from.
    fn sort_layer(&mut self, at: usize, forth: bool) {
        let places = self.places();
        let mean = |thing: usize| {
            let ends = self.links.iter().filter_map(|link| match forth {
                true => (link.to == thing).then_some(link.from),
                false => (link.from == thing).then_some(link.to),
            });
            mean(ends.map(|end| (places[end], 1.0))).unwrap_or(places[thing])
        };
        let mut keyed: Vec<_> = self.layers[at].iter().map(|it| (mean(*it), *it)).collect();
        keyed.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        self.layers[at] = keyed.into_iter().map(|(_, thing)| thing).collect();
    }

    /// How far down in its layer each thing stands, out of 1.
    fn places(&self) -> Vec<f64> {
        let mut places = vec![0.0; self.heights.len()];
        for layer in &self.layers {
            for (at, thing) in layer.iter().enumerate() {
                places[*thing] = (at as f64 + 0.5) / layer.len() as f64;
            }
        }
        places
    }

    fn layer_of(&self) -> Vec<usize> {
        let mut layer_of = vec![0; self.heights.len()];
        for (at, layer) in self.layers.iter().enumerate() {
            layer.iter().for_each(|thing| layer_of[*thing] = at);
        }
        layer_of
    }

    /// How many pairs of connections cross.
    fn crossings(&self) -> usize {
        let (places, layer_of) = (self.places(), self.layer_of());
        let mut crossings = 0;
        for (at, one) in self.links.iter().enumerate() {
            let others = self.links[at + 1..].iter();
            crossings += others
                .filter(|other| layer_of[one.from] == layer_of[other.from])
                .filter(|other| {
                    let left = places[one.from] - places[other.from];
                    let right = places[one.to] - places[other.to];
                    left * right < 0.0
                })
                .count();
        }
        crossings
    }

    /// Where the top of each thing is; the highest is at 0.
    pub fn tops(&self) -> Vec<f64> {
        let mut tops = vec![0.0; self.heights.len()];
        for layer in &self.layers {
            let mut top = 0.0;
            for thing in layer {
                tops[*thing] = top;
                top += self.heights[*thing];
            }
        }
        for sweep in 0..SWEEPS {
            for at in self.each(sweep % 2 == 0) {
                self.level(at, &mut tops);
            }
        }
        let there = self.layers.iter().flatten();
        let highest = there.map(|thing| tops[*thing]).fold(f64::INFINITY, f64::min);
        tops.iter().map(|top| top - highest).collect()
    }

    /// Puts the things of a layer at the height of their neighbours, as far as there is room.
    fn level(&self, at: usize, tops: &mut [f64]) {
        let middle = |thing: usize| tops[thing] + self.heights[thing] / 2.0;
        let wanted = self.layers[at].iter().map(|thing| {
            let ends = self.links.iter().filter_map(|link| match link {
                Link { from, to, weight } if from == thing => Some((middle(*to), *weight)),
                Link { from, to, weight } if to == thing => Some((middle(*from), *weight)),
                _ => None,
            });
            mean(ends).map_or(tops[*thing], |middle| middle - self.heights[*thing] / 2.0)
        });
        let heights: Vec<_> = self.layers[at].iter().map(|thing| self.heights[*thing]).collect();
        let placed = stacked(&wanted.collect::<Vec<_>>(), &heights);
        for (thing, top) in self.layers[at].iter().zip(placed) {
            tops[*thing] = top;
        }
    }
}

fn mean(weighted: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, weights) = weighted.fold((0.0, 0.0), |(sum, weights), (value, weight)| {
        (sum + value * weight, weights + weight)
    });
    (weights > 0.0).then(|| sum / weights)
}

/// The tops closest to those that are wanted, in order and without overlaps: what would
/// overlap stands together around its mean (pool adjacent violators).
fn stacked(wanted: &[f64], heights: &[f64]) -> Vec<f64> {
    // Each block: the sum of where its things want its first one to be, how many there are,
    // and its height.
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    let top = |(sum, count, _): &(f64, f64, f64)| sum / count;
    for (wanted, height) in wanted.iter().zip(heights) {
        let mut block = (*wanted, 1.0, *height);
        while let Some(above) = blocks.pop_if(|above| top(above) + above.2 > top(&block)) {
            block = (above.0 + block.0 - above.2 * block.1, above.1 + block.1, above.2 + block.2);
        }
        blocks.push(block);
    }
    let mut heights = heights.iter();
    let mut tops = Vec::new();
    for block in blocks {
        let mut at = top(&block);
        for height in heights.by_ref().take(block.1 as usize) {
            tops.push(at);
            at += height;
        }
    }
    tops
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(layers: &[&[usize]], links: &[(usize, usize)]) -> Layers {
        let count = layers.iter().map(|layer| layer.len()).sum();
        Layers {
            layers: layers.iter().map(|layer| layer.to_vec()).collect(),
            heights: vec![10.0; count],
            links: links
                .iter()
                .map(|(from, to)| Link { from: *from, to: *to, weight: 1.0 })
                .collect(),
        }
    }

    #[test]
    fn connections_that_need_not_cross_do_not() {
        let mut crossed = layers(&[&[0, 1, 2], &[3, 4, 5]], &[(0, 5), (1, 4), (2, 3)]);
        assert_eq!(crossed.crossings(), 3);
        crossed.sort();
        assert_eq!(crossed.crossings(), 0);
    }

    #[test]
    fn what_has_room_stands_at_the_height_of_its_neighbours() {
        let one = layers(&[&[0, 1, 2], &[3]], &[(0, 3), (1, 3), (2, 3)]);
        let tops = one.tops();
        assert!((tops[3] - tops[1]).abs() < 0.01, "{tops:?}");
    }

    #[test]
    fn what_would_overlap_stands_together_around_its_mean() {
        assert_eq!(stacked(&[0.0, 0.0], &[10.0, 10.0]), [-5.0, 5.0]);
        assert_eq!(stacked(&[0.0, 50.0], &[10.0, 10.0]), [0.0, 50.0]);
        assert_eq!(stacked(&[9.0, 0.0, 30.0], &[10.0; 3]), [-0.5, 9.5, 30.0]);
        assert!(stacked(&[], &[]).is_empty());
    }
}
