//! Questions to the operator: with a menu on a terminal, line by line from a pipe.

use std::io::{self, BufRead, IsTerminal, Write};

use dialoguer::{Confirm, Input, Select, theme::ColorfulTheme};

/// Somebody who answers.
pub(super) trait Interview {
    /// Yes or no.
    fn confirm(&mut self, question: &str, default: bool) -> io::Result<bool>;
    /// A text.
    fn text(&mut self, question: &str, default: &str) -> io::Result<String>;
    /// One of several; the first is the default.
    fn choice(&mut self, question: &str, options: &[&str]) -> io::Result<String>;
}

/// Whoever is at standard input.
pub(super) fn at_standard_input() -> Box<dyn Interview> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        Box::new(Terminal(ColorfulTheme::default()))
    } else {
        Box::new(Lines { input: io::stdin().lock(), output: io::stdout() })
    }
}

/// A person.
struct Terminal(ColorfulTheme);

impl Interview for Terminal {
    fn confirm(&mut self, question: &str, default: bool) -> io::Result<bool> {
        Confirm::with_theme(&self.0).with_prompt(question).default(default).interact().map_err(plain)
    }

    fn text(&mut self, question: &str, default: &str) -> io::Result<String> {
        let input = Input::with_theme(&self.0).with_prompt(question).allow_empty(true);
        let input = if default.is_empty() { input } else { input.default(default.to_owned()) };
        input.interact_text().map_err(plain)
    }

    fn choice(&mut self, question: &str, options: &[&str]) -> io::Result<String> {
        let chosen = Select::with_theme(&self.0).with_prompt(question).items(options).default(0).interact();
        Ok(options.get(chosen.map_err(plain)?).copied().unwrap_or_default().to_owned())
    }
}

fn plain(dialoguer::Error::IO(error): dialoguer::Error) -> io::Error {
    error
}

/// A script: one line for each answer, an empty one for the default. A list's answer is its text, its number, or presses of
/// the arrow down, as scripts for laravel-echo-server sent them.
struct Lines<R, W> {
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Lines<R, W> {
    fn answer(&mut self, question: &str, hint: &str) -> io::Result<String> {
        write!(self.output, "? {question} ({hint}) ")?;
        self.output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there are no more answers on standard input"));
        }
        writeln!(self.output)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl<R: BufRead, W: Write> Interview for Lines<R, W> {
    fn confirm(&mut self, question: &str, default: bool) -> io::Result<bool> {
        let hint = if default { "Y/n" } else { "y/N" };
        loop {
            match self.answer(question, hint)?.trim().to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" | "true" => return Ok(true),
                "n" | "no" | "false" => return Ok(false),
                _ => writeln!(self.output, "Please answer y or n.")?,
            }
        }
    }

    fn text(&mut self, question: &str, default: &str) -> io::Result<String> {
        let answer = self.answer(question, default)?;
        Ok(if answer.is_empty() { default.to_owned() } else { answer })
    }

    fn choice(&mut self, question: &str, options: &[&str]) -> io::Result<String> {
        const DOWN: &str = "\u{1b}[B";
        loop {
            let answer = self.answer(question, &options.join(", "))?;
            let word = answer.replace(DOWN, "");
            let word = word.trim();
            let at = match word {
                "" => Some(answer.matches(DOWN).count() % options.len().max(1)),
                _ => options
                    .iter()
                    .position(|option| option.eq_ignore_ascii_case(word))
                    .or_else(|| word.parse::<usize>().ok()?.checked_sub(1)),
            };
            match at.and_then(|at| options.get(at)) {
                Some(option) => return Ok((*option).to_owned()),
                None => writeln!(self.output, "Please answer one of: {}.", options.join(", "))?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> Lines<&[u8], Vec<u8>> {
        Lines { input: input.as_bytes(), output: Vec::new() }
    }

    #[test]
    fn an_empty_line_is_the_default() {
        let mut lines = lines("\n\n\n\n");
        assert!(lines.confirm("sure?", true).unwrap());
        assert!(!lines.confirm("sure?", false).unwrap());
        assert_eq!(lines.text("port?", "6001").unwrap(), "6001");
        assert_eq!(lines.choice("which?", &["a", "b"]).unwrap(), "a");
    }

    #[test]
    fn a_choice_is_a_word_a_number_or_arrows() {
        let mut lines = lines("b\n2\n\u{1b}[B\r\n\u{1b}[B\u{1b}[B\n");
        let answers: Vec<_> = (0..4).map(|_| lines.choice("which?", &["a", "b"]).unwrap()).collect();
        assert_eq!(answers, ["b", "b", "b", "a"]);
    }

    #[test]
    fn asks_again_after_nonsense_and_ends_with_the_input() {
        let mut lines = lines("maybe\ny\nz\n0\nb\n");
        assert!(lines.confirm("sure?", false).unwrap());
        assert_eq!(lines.choice("which?", &["a", "b"]).unwrap(), "b");
        assert_eq!(lines.text("more?", "").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let said = String::from_utf8(lines.output).unwrap();
        assert_eq!(said.matches("? sure?").count(), 2);
        assert_eq!(said.matches("? which?").count(), 3);
    }
}
