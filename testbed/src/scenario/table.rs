//! Many scenarios in one text: a table of cells.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::template::fill;

/// The column heads of a grid.
const COLUMNS: &str = "columns";

/// The line for cells that no other line is about.
const OTHERWISE: &str = "otherwise";

/// A side of the table.
#[derive(Debug, PartialEq)]
struct Axis {
    name: String,
    /// Its words in order, and what each stands for.
    words: Vec<(String, Value)>,
}

/// One scenario: a word of every axis.
#[derive(Clone, Debug, Default)]
struct Cell {
    words: Vec<String>,
    variables: Map<String, Value>,
}

/// What some of the cells have in common.
#[derive(Debug)]
struct Line {
    head: String,
    /// In each of these the cell must have one of the words.
    words: Vec<BTreeSet<String>>,
    value: Value,
}

/// Every scenario that one in writing stands for: itself, if it has no table.
pub fn spread(mut written: Value) -> Result<Vec<Value>> {
    let Some(scenario) = written.as_object_mut() else { return Ok(vec![written]) };
    let (table, lines) = (scenario.remove("table"), scenario.remove("cells"));
    let Some(table) = table else {
        ensure!(lines.is_none(), "cells are those of a table");
        return Ok(vec![written]);
    };
    let axes = axes(table).context("table")?;
    let mut cells = cells(&axes);
    let lines: BTreeMap<String, BTreeMap<String, Value>> =
        lines.map(serde_json::from_value).transpose().context("cells")?.unwrap_or_default();
    let mut decisive = BTreeSet::new();
    for (name, lines) in lines {
        ensure!(axes.iter().all(|axis| axis.name != name), "cells: {name} is an axis too");
        ensure!(mentions(&written, &name), "cells: nothing says ${{{name}}}");
        let words = choose(&name, lines, &axes, &mut cells);
        decisive.extend(words.with_context(|| format!("cells: {name}"))?);
    }
    for Axis { name, words } in &axes {
        ensure!(
            mentions(&written, name) || words.iter().any(|(word, _)| decisive.contains(word)),
            "table: nothing differs by {name}"
        );
    }
    cells.into_iter().map(|cell| scenario_of(&written, &cell)).collect()
}

/// Whether `value` has the variable `name` anywhere.
fn mentions(value: &Value, name: &str) -> bool {
    let text = value.to_string();
    ["}", "."].iter().any(|end| text.contains(&format!("${{{name}{end}")))
}

fn scenario_of(written: &Value, cell: &Cell) -> Result<Value> {
    let words = cell.words.join("_");
    let mut scenario = written.clone();
    fill(&mut scenario, &cell.variables).with_context(|| words.clone())?;
    let name = scenario["name"].as_str().context("a table without a name")?.to_owned();
    scenario["name"] = json!(format!("{name}_{words}"));
    Ok(scenario)
}

fn axes(table: Value) -> Result<Vec<Axis>> {
    let table: Vec<BTreeMap<String, Value>> = serde_json::from_value(table)?;
    let mut all = BTreeSet::new();
    let mut axes = Vec::new();
    for (name, words) in table.into_iter().flatten() {
        let words: Vec<(String, Value)> = match words {
            Value::Array(words) => words
                .into_iter()
                .map(|word| Ok((word.as_str().context("a word is text")?.to_owned(), word)))
                .collect::<Result<_>>()?,
            Value::Object(words) => words.into_iter().collect(),
            other => bail!("{name}: {other} is neither a list of words nor what words stand for"),
        };
        ensure!(!words.is_empty(), "{name}: an axis without words");
        for (word, _) in &words {
            ensure!(all.insert(word.clone()), "{word} stands twice in the table");
            ensure!(![COLUMNS, OTHERWISE].contains(&word.as_str()), "{word} can't be a word");
        }
        ensure!(axes.iter().all(|axis: &Axis| axis.name != name), "{name} stands twice");
        axes.push(Axis { name, words });
    }
    Ok(axes)
}

/// Every combination, those that differ in the last axis next to each other.
fn cells(axes: &[Axis]) -> Vec<Cell> {
    axes.iter().fold(vec![Cell::default()], |cells, axis| {
        let with = |cell: &Cell, (word, value): &(String, Value)| {
            let mut cell = cell.clone();
            cell.words.push(word.clone());
            cell.variables.insert(axis.name.clone(), value.clone());
            cell
        };
        cells.iter().flat_map(|cell| axis.words.iter().map(|word| with(cell, word))).collect()
    })
}

/// Gives every cell the variable `name`, by the line that is the most special
/// of those about the cell; returns the words that it takes.
fn choose(
    name: &str,
    lines: BTreeMap<String, Value>,
    axes: &[Axis],
    cells: &mut [Cell],
) -> Result<BTreeSet<String>> {
    let lines = read(lines, axes)?;
    let mut used = BTreeSet::new();
    for cell in cells {
        let words = cell.words.join(" ");
        let about = |line: &&Line| {
            line.words.iter().all(|any| cell.words.iter().any(|word| any.contains(word)))
        };
        let most = lines.iter().filter(about).map(|line| line.words.len()).max();
        let most = most.with_context(|| format!("no line is about {words}"))?;
        let chosen: Vec<_> =
            lines.iter().filter(about).filter(|line| line.words.len() == most).collect();
        let [line] = chosen[..] else {
            let heads: Vec<_> = chosen.iter().map(|line| line.head.as_str()).collect();
            bail!("{} are equally about {words}", heads.join(", "));
        };
        used.insert(&line.head);
        let mut value = line.value.clone();
        fill(&mut value, &cell.variables).with_context(|| words)?;
        cell.variables.insert(name.to_owned(), value);
    }
    match lines.iter().find(|line| !used.contains(&line.head)) {
        Some(Line { head, .. }) => bail!("{head} is about no cell, or others are more special"),
        None => Ok(lines.iter().flat_map(|line| line.words.iter().flatten().cloned()).collect()),
    }
}

fn read(mut lines: BTreeMap<String, Value>, axes: &[Axis]) -> Result<Vec<Line>> {
    let columns: Option<Vec<String>> =
        lines.remove(COLUMNS).map(serde_json::from_value).transpose().context(COLUMNS)?;
    let mut all = Vec::new();
    for (words, value) in lines {
        let Some(columns) = &columns else {
            all.push(Line::new(words, value, axes)?);
            continue;
        };
        let values = value.as_array().filter(|values| values.len() == columns.len());
        let values = values.with_context(|| format!("{words}: not a value for each column"))?;
        for (column, value) in columns.iter().zip(values) {
            all.push(Line::new(format!("{words} {column}"), value.clone(), axes)?);
        }
    }
    Ok(all)
}

impl Line {
    fn new(head: String, value: Value, axes: &[Axis]) -> Result<Self> {
        let mut words = Vec::new();
        for alternatives in head.split_whitespace().filter(|word| *word != OTHERWISE) {
            let any: BTreeSet<_> = alternatives.split('|').map(str::to_owned).collect();
            let is_on = |axis: &Axis, any: &String| axis.words.iter().any(|(word, _)| word == any);
            ensure!(
                axes.iter().any(|axis| any.iter().all(|word| is_on(axis, word))),
                "{alternatives} isn't on one axis of the table"
            );
            words.push(any);
        }
        Ok(Self { head, words, value })
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
