//! A picture as SVG text. Widths of texts are those of the built-in font, which is named first; a viewer without it takes
//! another one of nearly that width.

use super::canvas::{Anchor, Canvas, Ink, Rect, Spot, Stroke, TextStyle};
use std::fmt::Write;

/// A document that is being written.
pub struct Svg {
    out: String,
    clips: usize,
    clipped: bool,
}

impl Svg {
    /// Of this size; a background of strength 0 is not drawn. `title` is what a screen reader says.
    pub fn new(width: u32, height: u32, background: Ink, title: &str) -> Svg {
        let mut out = String::with_capacity(1 << 16);
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"'DejaVu Sans','Bitstream Vera Sans',Verdana,'Noto Sans CJK SC',sans-serif\">\n<title>"
        );
        escape(&mut out, title);
        out.push_str("</title>\n");
        let mut svg = Svg { out, clips: 0, clipped: false };
        if !background.is_clear() {
            svg.rect(Rect { x: 0.0, y: 0.0, w: width as f32, h: height as f32 }, background);
        }
        svg
    }

    /// The document.
    pub fn finish(mut self) -> String {
        self.clip(None);
        self.out.push_str("</svg>\n");
        self.out
    }

    fn paint(&mut self, name: &str, ink: Ink) {
        let [r, g, b] = ink.rgb;
        let _ = write!(self.out, " {name}=\"#{r:02x}{g:02x}{b:02x}\"");
        if ink.alpha < 1.0 {
            let _ = write!(self.out, " {name}-opacity=\"{}\"", short(ink.alpha));
        }
    }

    fn path(&mut self, spots: &[Spot]) {
        let mut letter = 'M';
        let finite = spots.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        for (x, y) in finite {
            let _ = write!(self.out, "{letter}{} {}", short(*x), short(*y));
            letter = if letter == 'M' { 'L' } else { ' ' };
        }
    }
}

/// Two digits at most: a hundredth of a pixel.
fn short(x: f32) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".into() } else { text.into() }
}

/// Text that cannot end its element. Characters that XML does not know are left out.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

impl Canvas for Svg {
    fn rect(&mut self, rect: Rect, ink: Ink) {
        let Rect { x, y, w, h } = rect;
        if [x, y, w, h].iter().all(|n| n.is_finite()) {
            let _ = write!(self.out, "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", short(x), short(y), short(w), short(h));
            self.paint("fill", ink);
            self.out.push_str("/>\n");
        }
    }

    fn lines(&mut self, lines: &[Vec<Spot>], stroke: Stroke) {
        if lines.iter().all(|line| line.len() < 2) {
            return;
        }
        self.out.push_str("<path fill=\"none\" stroke-linejoin=\"round\" d=\"");
        lines.iter().filter(|line| line.len() > 1).for_each(|line| self.path(line));
        let _ = write!(self.out, "\" stroke-width=\"{}\"", short(stroke.width));
        self.paint("stroke", stroke.ink);
        if !stroke.dash.is_empty() {
            let parts: Vec<String> = stroke.dash.iter().map(|part| short(*part)).collect();
            let _ = write!(self.out, " stroke-dasharray=\"{}\"", parts.join(","));
        }
        self.out.push_str("/>\n");
    }

    fn shape(&mut self, outline: &[Spot], ink: Ink) {
        if outline.is_empty() {
            return;
        }
        self.out.push_str("<path d=\"");
        self.path(outline);
        self.out.push_str("Z\"");
        self.paint("fill", ink);
        self.out.push_str("/>\n");
    }

    fn discs(&mut self, centers: &[Spot], radius: f32, ink: Ink, filled: bool) {
        let radius = short(radius);
        if centers.is_empty() {
            return;
        }
        self.out.push_str("<path d=\"");
        for (x, y) in centers.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let _ = write!(self.out, "M{} {}m-{radius} 0a{radius} {radius} 0 1 0 ", short(*x), short(*y));
            let twice = short(radius.parse::<f32>().unwrap_or(1.0) * 2.0);
            let _ = write!(self.out, "{twice} 0a{radius} {radius} 0 1 0-{twice} 0");
        }
        self.out.push('"');
        if filled {
            self.paint("fill", ink);
        } else {
            self.out.push_str(" fill=\"none\"");
            self.paint("stroke", ink);
        }
        self.out.push_str("/>\n");
    }

    fn text(&mut self, at: Spot, text: &str, style: TextStyle) {
        let (x, y) = (short(at.0), short(at.1));
        let _ = write!(self.out, "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"", short(style.size));
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.out.push_str(anchor);
        if style.upward {
            let _ = write!(self.out, " transform=\"rotate(-90 {x} {y})\"");
        }
        self.paint("fill", style.ink);
        self.out.push('>');
        escape(&mut self.out, text);
        self.out.push_str("</text>\n");
    }

    fn clip(&mut self, within: Option<Rect>) {
        if std::mem::take(&mut self.clipped) {
            self.out.push_str("</g>\n");
        }
        if let Some(Rect { x, y, w, h }) = within {
            self.clips += 1;
            let id = self.clips;
            let _ = writeln!(
                self.out,
                "<clipPath id=\"c{id}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath><g clip-path=\"url(#c{id})\">",
                short(x),
                short(y),
                short(w),
                short(h)
            );
            self.clipped = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let ink = Ink::solid(1, 2, 3);
        let mut svg = Svg::new(100, 100, ink, "a</title><script>");
        svg.text((5.0, 5.0), "<script>alert('&\"')</script>\u{0}", TextStyle { size: 12.0, ink, anchor: Anchor::End, upward: true });
        let text = svg.finish();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)"), "{text}");
        assert!(text.contains("text-anchor=\"end\"") && text.contains("rotate(-90 5 5)"));
    }

    #[test]
    fn shapes() {
        let ink = Ink::solid(255, 0, 0).alpha(0.5);
        let mut svg = Svg::new(100, 50, ink.alpha(0.0), "");
        svg.clip(Some(Rect { x: 1.0, y: 2.0, w: 3.0, h: 4.0 }));
        svg.lines(&[vec![(0.0, 0.125), (1.0, f32::NAN), (2.0, 3.0)], vec![(5.0, 5.0)]], Stroke { width: 1.5, ink, dash: &[6.0, 3.0] });
        let text = svg.finish();
        assert!(
            text.contains("d=\"M0 0.13L2 3\" stroke-width=\"1.5\" stroke=\"#ff0000\" stroke-opacity=\"0.5\" stroke-dasharray=\"6,3\"")
                || text.contains("M0 0.12L2 3"),
            "{text}"
        );
        assert!(text.ends_with("</g>\n</svg>\n") && !text.contains("<rect x=\"0\""));
    }
}
