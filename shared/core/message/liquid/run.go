package liquid

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/render"
	"github.com/osteele/liquid/values"
)

// Run renders the parts of one mail: they share its data and its budget. It is
// for one goroutine.
type Run struct {
	dir      string
	part     string // that is being rendered
	out      bytes.Buffer
	budget   budget
	config   render.Config
	bindings map[string]any
}

// shared is the grammar, without filters: those count against one run.
var shared = newConfig()

// runName binds the run for our tags; no template can name it (see
// checkExpression).
const runName = "kesher_run"

// NewRun begins a mail in the direction dir, over the variables in bindings,
// which are not changed.
func NewRun(dir string, bindings map[string]any) *Run {
	r := &Run{dir: dir, bindings: make(map[string]any, len(bindings)+2)}
	for name, value := range bindings {
		r.bindings[name] = value
	}
	r.bindings[runName] = r
	r.bindings["null"] = nil
	r.config = shared
	r.config.Config.Config = expressions.NewConfig()
	return r
}

// take registers the filters that a program calls, counting against this run.
func (r *Run) take(filters []string) {
	for _, name := range filters {
		r.config.AddFilter(name, limited(&r.budget, name, filterTable[name]))
	}
}

// Bind adds a variable.
func (r *Run) Bind(name string, value any) { r.bindings[name] = value }

// Render renders one part. Errors are *Error.
func (r *Run) Render(p *Program) (text string, err error) {
	for _, root := range p.roots {
		if _, ok := r.bindings[root]; !ok {
			return "", &Error{Part: p.part, Line: p.lineReading(root), Message: fmt.Sprintf("%s is not known here (known are profile, entry, event, items, offer, run, brand and the collections of plan.yaml)", root)}
		}
	}
	defer func() {
		if x := recover(); x != nil {
			// What the library panics with quotes values, which may be personal.
			text, err = "", &Error{Part: p.part, Message: "can't be rendered with this data"}
		}
	}()
	r.part = p.part
	r.take(p.filters)
	r.out.Reset()
	r.out.Grow(p.size + p.size/8)
	if rerr := render.Render(p.root, io.Discard, r.bindings, r.config); rerr != nil {
		return "", p.explain(rerr)
	}
	return r.out.String(), nil
}

func (p *Program) lineReading(root string) int {
	for _, v := range p.variables {
		if v.Path == root || strings.HasPrefix(v.Path, root+".") || strings.HasPrefix(v.Path, root+"[") {
			return v.Line
		}
	}
	return 0
}

// explain finds our own error inside the library's, or gives its line and part.
func (p *Program) explain(err render.Error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	message := libraryPrefix.ReplaceAllString(err.Error(), "")
	if cause := err.Cause(); cause != nil {
		message = filterCause(cause).Error()
	}
	return &Error{Part: p.part, Line: p.source.lineAt(err.LineNumber()), Message: message}
}

// write puts text into the mail.
func (r *Run) write(text string) error {
	if err := r.budget.write(len(text)); err != nil {
		return &Error{Part: r.part, Message: err.Error()}
	}
	r.out.WriteString(text)
	return nil
}

func runOf(ctx render.Context) *Run { return ctx.Get(runName).(*Run) }

func writeText(text string) renderFunc {
	return func(_ io.Writer, ctx render.Context) error { return runOf(ctx).write(text) }
}

// render prints one {{ }}.
func (o *output) render(_ io.Writer, ctx render.Context) error {
	run := runOf(ctx)
	text, err := o.evaluate(run, ctx)
	if err != nil {
		return err
	}
	return run.write(text)
}

func (o *output) evaluate(run *Run, ctx render.Context) (text string, err error) {
	value, ok := o.lookUp(ctx)
	if !ok {
		value, err = ctx.Evaluate(o.expr)
	}
	if err != nil {
		return "", o.errorf(run, "%v", filterCause(err))
	}
	text, ok, err = format(value)
	if err != nil {
		return "", o.errorf(run, "%v", err)
	}
	if !ok {
		return "", o.errorf(run, `has no value and no default (give one in meta.yaml under defaults, or write {{ %s | default: "..." }})`, o.tag.Args)
	}
	if _, ok := value.(encoded); ok && (o.place == inPath || o.place == inQuery) {
		return text, nil
	}
	if _, ok := value.(Rendered); ok {
		if o.place == inText || o.place == inAttribute {
			return html.EscapeString(text), nil
		}
		return text, nil
	}
	text, err = escape(text, o.place, run.dir)
	if err != nil {
		return "", o.errorf(run, "%v", err)
	}
	return text, nil
}

// lookUp evaluates names over plain maps, which is what most outputs are; ok is
// false for all else. The library would go through reflection and three
// allocations for each name, a quarter of the time that a mail has.
func (o *output) lookUp(ctx render.Context) (value any, ok bool) {
	if len(o.path) < 2 {
		return nil, false
	}
	value = ctx.Get(o.path[0])
	for _, name := range o.path[1:] {
		object, isObject := value.(map[string]any)
		if !isObject {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

func (o *output) errorf(run *Run, format string, args ...any) error {
	return &Error{Part: run.part, Line: o.tag.Line, Message: o.tag.Args + ": " + fmt.Sprintf(format, args...)}
}

// filterCause is a filter's own error. The library's errors about types quote
// the value, which may be personal.
func filterCause(err error) error {
	var wrongType values.TypeError
	if errors.As(err, &wrongType) {
		return errWrongValue
	}
	var filter expressions.FilterError
	if errors.As(err, &filter) {
		return fmt.Errorf("%s: %w", filter.FilterName, filter.Err)
	}
	return err
}

// renderStep counts one turn of a loop whose body costs work.
func renderStep(work int) renderFunc {
	return func(_ io.Writer, ctx render.Context) error {
		run := runOf(ctx)
		if err := run.budget.step(work); err != nil {
			return &Error{Part: run.part, Message: err.Error()}
		}
		return nil
	}
}

// renderURL writes a whole URL if it may be followed.
func renderURL(w io.Writer, ctx render.Context) error {
	run := runOf(ctx)
	start := run.out.Len()
	if err := ctx.RenderChildren(w); err != nil {
		return err
	}
	if err := CheckURL(string(run.out.Bytes()[start:])); err != nil {
		return &Error{Part: run.part, Message: "a link " + err.Error()}
	}
	return nil
}

// renderCapture keeps what its body prints in a variable, not in the mail.
func renderCapture(w io.Writer, ctx render.Context) error {
	run := runOf(ctx)
	start := run.out.Len()
	err := ctx.RenderChildren(w)
	text := string(run.out.Bytes()[start:])
	run.out.Truncate(start) // it is not escaped yet: none of it may stay, whatever happened
	if err != nil {
		return err
	}
	ctx.Set(ctx.TagArgs(), text)
	return nil
}
