//! The picture of an alert's life: value, limit and states over time, as SVG that keeps its text size at every width.
//!
//! Across, everything is in percent; the curve is stretched in an inner picture of its own, with strokes that stay thin.

use std::fmt::Write as _;

use catalogue::param::{Param, Params, Unit};
use catalogue::{Alert, duration};
use serde_json::{Value, json};

use super::scale::{Scale, number};
use crate::life::{Comparison, Life, Origin, State};
use crate::markdown::html::escape;

/// Heights in pixels: the plot, the band of states, the axis.
const TOP: f64 = 22.0;
const PLOT: f64 = 132.0;
const BAND: f64 = 26.0;
const GAP: f64 = 10.0;

/// What the template shows: the picture, its text, and which states its legend explains.
pub(super) fn json(alert: &Alert, life: &Life) -> Value {
    let rule = &alert.rule;
    let picture = Picture { life, scale: life.comparison.as_ref().map(|about| scale(about, &rule.params)) };
    let text = picture.text();
    let hold = rule.params.fill(&rule.hold);
    let title = format!("A life of {}", &*alert.name);
    let legend: Vec<_> = picture.bands().iter().map(|(state, ..)| name(*state)).collect();
    let mut seen: Vec<&str> = Vec::new();
    for state in legend {
        if !seen.contains(&state) {
            seen.push(state);
        }
    }
    json!({
        "svg": picture.svg(&title, &text),
        "text": text,
        "compares": life.comparison.is_some(),
        "states": seen,
        "source": match &life.origin {
            Origin::Recorded { version, .. } if version == "aws" => "Recorded with a mocked AWS account, laid out minute by minute.".to_owned(),
            Origin::Recorded { version, .. } => format!("Recorded on PostgreSQL {version} while the fault was made there, laid out minute by minute."),
            Origin::Test(case) => format!("Drawn from the rule test “{case}”."),
        },
        "hold": hold,
    })
}

fn name(state: State) -> &'static str {
    match state {
        State::Inactive => "inactive",
        State::Pending => "pending",
        State::Firing => "firing",
        State::Resolved => "resolved",
    }
}

/// How values are written: in the unit of the parameter that is the limit, else in that of the series.
fn scale(about: &Comparison, params: &Params) -> Scale {
    let all = || about.values.iter().chain(&about.limits).flatten().copied();
    let (min, max) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let limit = about.limits.iter().flatten().next().copied();
    let is_limit =
        |param: &Param, times: f64| param.number().is_some_and(|number| Some(number * times) == limit);
    let unit_of = |param: &Param| match param.unit {
        Unit::Hours if is_limit(param, 3600.0) => Some(Unit::Seconds),
        Unit::Days if is_limit(param, 86_400.0) => Some(Unit::Seconds),
        unit => is_limit(param, 1.0).then_some(unit),
    };
    let ends = |end: &str| about.series.iter().all(|name| name.ends_with(end));
    let unit = if about.is_time_left {
        Unit::Seconds
    } else if let Some(unit) = params.iter().find_map(unit_of) {
        unit
    } else if about.is_plain && ends("_bytes") {
        Unit::Bytes
    } else if about.is_plain && ends("_seconds") {
        Unit::Seconds
    } else {
        Unit::Count
    };
    Scale::new(unit, min, max)
}

struct Picture<'a> {
    life: &'a Life,
    scale: Option<Scale>,
}

impl Picture<'_> {
    fn steps(&self) -> usize {
        self.life.states.len()
    }

    /// Percent of the width.
    fn x(&self, step: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most some hundreds")]
        let part = step as f64 / self.steps() as f64;
        (part * 10_000.0).round() / 100.0
    }

    /// Stretches of one state: first step, and the step after the last.
    fn bands(&self) -> Vec<(State, usize, usize)> {
        let mut bands: Vec<(State, usize, usize)> = Vec::new();
        for (index, state) in self.life.states.iter().enumerate() {
            match bands.last_mut().filter(|(last, ..)| last == state) {
                Some((.., end)) => *end = index + 1,
                None => bands.push((*state, index, index + 1)),
            }
        }
        bands
    }

    fn moment(&self, step: usize) -> String {
        let seconds = step as u64 * self.life.step;
        if seconds == 0 { "the start".to_owned() } else { duration::spoken(seconds) }
    }

    /// All of the picture in words.
    fn text(&self) -> String {
        let mut text = String::new();
        if let (Some(about), Some(scale)) = (&self.life.comparison, &self.scale) {
            let of = if about.is_time_left { "time left" } else { "value" };
            let limit = about.limits.iter().flatten().next();
            if let Some(limit) = limit {
                let _ = write!(
                    text,
                    "The rule asks whether the {of} is {} {}. ",
                    spoken(about.sign),
                    scale.text(*limit)
                );
            }
            let firing =
                self.life.states.iter().position(|state| *state == State::Firing).unwrap_or_default();
            if let Some(value) = about.values.get(firing).copied().flatten() {
                let _ = write!(text, "It is {} when the alert begins to fire. ", scale.text(value));
            }
        }
        if let Origin::Recorded { fault: (begin, end), .. } = &self.life.origin {
            let _ = write!(
                text,
                "The fault is on from {} to {}. ",
                duration::spoken(*begin),
                duration::spoken(*end)
            );
        }
        let told: Vec<_> = self
            .bands()
            .iter()
            .filter(|(state, first, _)| *state != State::Inactive || *first > 0)
            .map(|(state, first, _)| format!("{} from {}", name(*state), self.moment(*first)))
            .collect();
        let mut told = told.join(", ");
        if let Some(first) = told.get(..1) {
            told = first.to_uppercase() + &told[1..];
        }
        text + &told + "."
    }

    fn svg(&self, title: &str, text: &str) -> String {
        let plot = if self.scale.is_some() { TOP + PLOT + GAP } else { 4.0 };
        let height = plot + BAND + 24.0;
        let mut svg = format!(
            "<svg class=\"timeline\" role=\"img\" aria-labelledby=\"timeline-title timeline-text\" width=\"100%\" height=\"{height}\">\n\
             <title id=\"timeline-title\">{}</title>\n<desc id=\"timeline-text\">{}</desc>\n\
             <defs>\
             <pattern id=\"tl-pending\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"tl-ink-pending\" d=\"M0 0V7\"/></pattern>\
             <pattern id=\"tl-resolved\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><circle class=\"tl-ink-resolved\" cx=\"4\" cy=\"4\" r=\"1.2\"/></pattern>\
             </defs>\n",
            escape(title),
            escape(text)
        );
        self.axis(&mut svg, plot + BAND);
        self.states(&mut svg, plot);
        if let (Some(about), Some(scale)) = (&self.life.comparison, &self.scale) {
            self.curve(&mut svg, about, scale);
        }
        svg + "</svg>"
    }

    /// Ticks at round times, few enough for a phone.
    fn axis(&self, svg: &mut String, y: f64) {
        const STEPS: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080];
        let minutes = self.steps() as u64 * self.life.step / 60;
        let each = STEPS.into_iter().find(|each| minutes / each <= 5).unwrap_or(10_080);
        let step = usize::try_from(each * 60 / self.life.step).unwrap_or(1).max(1);
        for at in (0..=self.steps()).step_by(step) {
            let x = self.x(at);
            let _ =
                write!(svg, "<line class=\"tl-grid\" x1=\"{x}%\" x2=\"{x}%\" y1=\"2\" y2=\"{}\"/>", y + 5.0);
            let anchor = if at == 0 {
                "start"
            } else if x > 94.0 {
                "end"
            } else {
                "middle"
            };
            let label = if at == 0 { "0".to_owned() } else { duration::spoken(at as u64 * self.life.step) };
            let _ = writeln!(
                svg,
                "<text class=\"tl-label\" x=\"{x}%\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>",
                y + 19.0
            );
        }
    }

    fn states(&self, svg: &mut String, y: f64) {
        for (state, first, end) in self.bands() {
            let (x, state_name) = (self.x(first), name(state));
            let width = number(self.x(end) - x);
            let rect = |class: &str, fill: &str| {
                format!(
                    "<rect class=\"{class}\" x=\"{x}%\" y=\"{y}\" width=\"{width}%\" height=\"{BAND}\"{fill}/>"
                )
            };
            svg.push_str(&rect(&format!("tl-state-{state_name}"), ""));
            if matches!(state, State::Pending | State::Resolved) {
                svg.push_str(&rect("tl-pattern", &format!(" fill=\"url(#tl-{state_name})\"")));
            }
            // A label that does not fit on a phone is in the legend only.
            if self.x(end) - x >= 19.0 {
                let middle = number(x + (self.x(end) - x) / 2.0);
                let _ = write!(
                    svg,
                    "<text class=\"tl-state-label tl-text-{state_name}\" x=\"{middle}%\" y=\"{}\" text-anchor=\"middle\">{state_name}</text>",
                    y + 17.0
                );
            }
            svg.push('\n');
        }
    }

    fn curve(&self, svg: &mut String, about: &Comparison, scale: &Scale) {
        let y = |value: f64| TOP + (1.0 - scale.part(value)) * PLOT;
        for tick in scale.ticks() {
            let at = number(y(tick));
            let _ = writeln!(
                svg,
                "<line class=\"tl-grid\" x1=\"0\" x2=\"100%\" y1=\"{at}\" y2=\"{at}\"/><text class=\"tl-label tl-halo\" x=\"2\" y=\"{}\">{}</text>",
                number(y(tick) - 4.0),
                scale.text(tick)
            );
        }
        if let Origin::Recorded { fault: (begin, end), .. } = &self.life.origin {
            let step = |seconds: u64| usize::try_from(seconds / self.life.step).unwrap_or_default();
            let (from, to) = (self.x(step(*begin)), self.x(step(*end)));
            let _ = writeln!(
                svg,
                "<line class=\"tl-axis\" x1=\"{from}%\" x2=\"{to}%\" y1=\"8\" y2=\"8\"/>\
                 <line class=\"tl-axis\" x1=\"{from}%\" x2=\"{from}%\" y1=\"4\" y2=\"{0}\" stroke-dasharray=\"2 3\"/>\
                 <line class=\"tl-axis\" x1=\"{to}%\" x2=\"{to}%\" y1=\"4\" y2=\"{0}\" stroke-dasharray=\"2 3\"/>\
                 <text class=\"tl-label tl-halo\" x=\"{1}%\" y=\"12\" text-anchor=\"middle\">fault</text>",
                TOP + PLOT + GAP,
                number(f64::midpoint(from, to)),
            );
        }
        let draw = |line: &[Option<f64>]| {
            let mut path = String::new();
            let mut last: Option<f64> = None;
            for (step, value) in line.iter().enumerate() {
                let x = number(self.x(step) * 10.0);
                let now = value.map(|value| (y(value) * 10.0).round() / 10.0);
                let piece = match (last, now) {
                    (None, Some(now)) => format!("M{x} {now}"),
                    (Some(before), Some(now)) if (before - now).abs() > 0.01 => format!("H{x}V{now}"),
                    (Some(_), None) => format!("H{x}"),
                    _ => String::new(),
                };
                path.push_str(&piece);
                last = now;
            }
            if last.is_some() {
                path.push_str("H1000");
            }
            path
        };
        let _ = writeln!(
            svg,
            "<svg width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 {height}\" preserveAspectRatio=\"none\" overflow=\"visible\">\
             <path class=\"tl-threshold\" vector-effect=\"non-scaling-stroke\" d=\"{}\"/>\
             <path class=\"tl-value\" vector-effect=\"non-scaling-stroke\" d=\"{}\"/></svg>",
            draw(&about.limits),
            draw(&about.values),
            height = TOP + PLOT,
        );
        if let Some(limit) = about.limits.iter().rev().flatten().next() {
            // Above the line, or below it when the value runs along there.
            let at = y(*limit);
            let at = if at < TOP + 14.0 { at + 13.0 } else { at - 5.0 };
            let _ = writeln!(
                svg,
                "<text class=\"tl-limit tl-halo\" x=\"99.5%\" y=\"{}\" text-anchor=\"end\">{}{}</text>",
                number(at),
                if about.sign == "=" { "fires at " } else { "limit " },
                scale.text(*limit)
            );
        }
    }
}

fn spoken(sign: &str) -> &'static str {
    match sign {
        ">" => "above",
        "<" => "below",
        "≥" => "at or above",
        "≤" => "at or below",
        "≠" => "other than",
        _ => "exactly",
    }
}
