package liquid

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// blocks are the tags a template may use, with what may stand inside them.
var blocks = map[string][]string{
	"if": {"elsif", "else"}, "unless": {"else"}, "case": {"when", "else"}, "for": {"else"}, "capture": {},
}

var singles = map[string]bool{"assign": true}

// checkTags matches blocks, caps their nesting and makes sure that each of
// their branches leaves the HTML parser where it found it.
func (c *compiler) checkTags() error {
	var open []int
	capturing := 0
	for _, n := range c.source.order() {
		tag := &c.source.Tags[n]
		if err := c.checkExpression(tag); err != nil {
			return err
		}
		switch {
		case tag.Output:
			if capturing > 0 {
				c.layout.spots[n] = spot{place: inCapture}
			}
		case blocks[tag.Name] != nil:
			if open = append(open, n); len(open) > maxNesting {
				return c.errorf(tag, "blocks are nested deeper than %d", maxNesting)
			}
			if tag.Name == "capture" {
				capturing++
			}
		case strings.HasPrefix(tag.Name, "end"):
			if err := c.branch(open, n, tag.Name[len("end"):]); err != nil {
				return err
			}
			if tag.Name == "endcapture" {
				capturing--
			}
			open = open[:len(open)-1]
		case tag.Name == "break" || tag.Name == "continue":
			if err := c.leave(open, n); err != nil {
				return err
			}
		case !singles[tag.Name]:
			if err := c.branch(open, n, ""); err != nil {
				return err
			}
		}
	}
	if len(open) > 0 {
		tag := &c.source.Tags[open[len(open)-1]]
		return c.errorf(tag, "is never closed (write {%% end%s %%})", tag.Name)
	}
	return nil
}

// branch checks the tag that ends a branch of the innermost open block; name is
// the block's, or empty for else and its like.
func (c *compiler) branch(open []int, n int, name string) error {
	tag := &c.source.Tags[n]
	known := name != "" && blocks[name] != nil || name == "" && isClause(tag.Name)
	if !known {
		return c.errorf(tag, "is not known here (known are assign, case, capture, for, if, unless, break, continue, comment, raw)")
	}
	if len(open) == 0 {
		return c.errorf(tag, "closes nothing")
	}
	opening := &c.source.Tags[open[len(open)-1]]
	if name != "" && opening.Name != name || name == "" && !slices.Contains(blocks[opening.Name], tag.Name) {
		return c.errorf(tag, "does not fit %s of line %d", opening.Raw, opening.Line)
	}
	from, to := c.layout.spots[open[len(open)-1]], c.layout.spots[n]
	if from.zone != to.zone || from.node != to.node {
		return c.errorf(tag, "stands in another place of the HTML (%s) than %s of line %d (%s): a block must hold whole elements or lie within one value", to.zone, opening.Raw, opening.Line, from.zone)
	}
	return nil
}

// leave checks a break or continue: it jumps to the end of its loop, so it must
// stand in the same place of the HTML, and not inside of what is captured.
func (c *compiler) leave(open []int, n int) error {
	tag := &c.source.Tags[n]
	for i := len(open) - 1; i >= 0; i-- {
		switch opening := &c.source.Tags[open[i]]; opening.Name {
		case "capture":
			return c.errorf(tag, "may not leave %s of line %d", opening.Raw, opening.Line)
		case "for":
			from, to := c.layout.spots[open[i]], c.layout.spots[n]
			if from.zone != to.zone || from.node != to.node {
				return c.errorf(tag, "stands in another place of the HTML (%s) than its loop (%s)", to.zone, from.zone)
			}
			return nil
		}
	}
	return c.errorf(tag, "stands in no loop")
}

func isClause(name string) bool {
	return name == "else" || name == "elsif" || name == "when"
}

// checkExpression refuses unknown filters by name, and ranges outside of for.
func (c *compiler) checkExpression(tag *Tag) error {
	for _, name := range filterNames(tag.Args) {
		if filterTable[name] == nil {
			return c.errorf(tag, "uses the filter %q, which does not exist here", name)
		}
		c.call(name)
		if name == "date" && nowDate.MatchString(tag.Args) {
			return c.errorf(tag, `asks for the date of "now": a mail may leave later than it is written (use a time of the event or the run)`)
		}
	}
	words := lex(tag.Args)
	if tag.Name != "for" && slices.ContainsFunc(words, func(w lexeme) bool { return w.kind == lexSymbol && w.text == ".." }) {
		return c.errorf(tag, "uses a range, which is for {%% for %%} only")
	}
	if i := slices.IndexFunc(words, func(w lexeme) bool { return strings.HasPrefix(w.text, "kesher") && w.kind == lexIdent }); i >= 0 && !ofFrame.MatchString(tag.Args) {
		return c.errorf(tag, "uses %s, a name that Kesher keeps for itself", words[i].text)
	}
	return nil
}

// call notes a filter that the program calls.
func (c *compiler) call(filter string) {
	if !slices.Contains(c.program.filters, filter) {
		c.program.filters = append(c.program.filters, filter)
	}
}

var nowDate = regexp.MustCompile(`^\s*['"](now|today)['"]\s*\|`)

// frameRoot begins every expression that the product itself adds around a body.
const frameRoot = "kesher_frame."

var ofFrame = regexp.MustCompile(`^kesher_frame\.\w+$`)

func (c *compiler) errorf(tag *Tag, format string, args ...any) error {
	return &Error{Part: c.source.Part, Line: tag.Line, Message: tag.Raw + " " + fmt.Sprintf(format, args...)}
}
