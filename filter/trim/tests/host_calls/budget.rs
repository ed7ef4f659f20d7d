//! What a request may cost: a file for each kind, in `budgets/`.
//!
//! Its first line says how many crossings there are, and they follow. `BLESS=1` writes
//! the files anew; whoever does that has a diff to give reasons for.

use std::path::PathBuf;
use std::{env, fs};

use super::trace::Trace;

/// Holds what a request took against the budget called `name`.
pub fn hold(name: &str, trace: &Trace) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host_calls/budgets")
        .join(name)
        .with_extension("txt");
    let taken = write(trace);
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.with_file_name("")).unwrap();
        fs::write(&path, &taken).unwrap();
    }
    let budget = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 makes it", path.display()));
    assert!(
        taken == budget,
        "{name} isn't what its budget says (BLESS=1 changes that):\n{}",
        differences(&budget, &taken)
    );
}

fn write(trace: &Trace) -> String {
    format!("{} crossings\n{trace}", trace.crossings())
}

/// The lines that one has and the other hasn't, `-` and `+`: what isn't part of their
/// longest common sequence.
fn differences(budget: &str, taken: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (budget.lines().collect(), taken.lines().collect());
    // How much the ends have in common that begin at a line of each.
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for (row, old) in old.iter().enumerate().rev() {
        for (column, new) in new.iter().enumerate().rev() {
            common[row][column] = if old == new {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut text) = (0, 0, String::new());
    while row < old.len() || column < new.len() {
        if row < old.len() && column < new.len() && old[row] == new[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == new.len()
            || (row < old.len() && common[row + 1][column] >= common[row][column + 1])
        {
            text += &format!("- {}\n", old[row]);
            row += 1;
        } else {
            text += &format!("+ {}\n", new[column]);
            column += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(calls: &[&str]) -> Trace {
        let mut trace = Trace::default();
        trace.enter("proxy_on_log");
        calls.iter().for_each(|call| trace.call(*call));
        trace
    }

    fn difference(budget: &Trace, taken: &Trace) -> String {
        differences(&budget.to_string(), &taken.to_string())
    }

    #[test]
    fn a_call_more_is_shown_and_so_is_one_less() {
        let budget = trace(&["a", "b"]);
        assert_eq!(difference(&budget, &trace(&["a", "b"])), "");
        assert_eq!(difference(&budget, &trace(&["a", "x", "b"])), "+   x\n");
        assert_eq!(difference(&budget, &trace(&["b"])), "-   a\n");
        assert_eq!(difference(&budget, &trace(&["a", "b", "b"])), "+   b\n");
    }

    #[test]
    fn a_value_handed_over_is_a_crossing() {
        let (budget, mut taken) = (trace(&["a"]), trace(&["a"]));
        taken.allocate();
        assert_eq!((budget.crossings(), taken.crossings()), (2, 3));
        assert_eq!(difference(&budget, &taken), "-   a\n+   a *\n");
    }
}
