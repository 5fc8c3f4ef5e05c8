package liquid

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/parser"
	"github.com/osteele/liquid/render"
	"github.com/osteele/liquid/tags"
)

// Format is what kind of text a source makes.
type Format int

const (
	HTML  Format = iota
	Plain        // text/plain
	Line         // one line of a header
)

// Marks around a URL in a coded plain text: between them values are written as
// in the URL attribute of an HTML body, and the whole is checked.
const (
	URLStart = "\x01"
	URLEnd   = "\x02"
)

// Program is a compiled template. It is safe for concurrent use.
type Program struct {
	part      string
	source    *Source
	format    Format
	root      render.Node
	outputs   []output
	texts     []string
	size      int      // of texts
	roots     []string // variables that must be bound, sorted
	filters   []string // that it calls
	variables []Variable
}

// output is one compiled {{ }}.
type output struct {
	expr  expressions.Expression
	path  []string // names, when the expression is nothing but names; see lookUp
	tag   *Tag
	place place
}

// Names of the tags in the instrumented source. Text, outputs, URLs and captures
// are ours: they write into the run's own buffer, where the library would copy
// every byte three times.
const (
	tagText    = "kesher_text"
	tagOut     = "kesher_out"
	tagStep    = "kesher_step"
	tagURL     = "kesher_url"
	tagCapture = "kesher_capture"
)

// Compile checks a source and makes it ready to render. Errors are *Error.
func Compile(s *Source, format Format) (*Program, error) {
	p := &Program{part: s.Part, source: s, format: format}
	c := &compiler{program: p, source: s}
	if err := c.layOut(); err != nil {
		return nil, err
	}
	if err := c.checkTags(); err != nil {
		return nil, err
	}
	instrumented, err := c.instrument()
	if err != nil {
		return nil, err
	}
	p.variables, p.roots = readVariables(s)
	config := c.config()
	root, perr := config.Compile(instrumented, parser.SourceLoc{LineNo: 1})
	if perr != nil {
		return nil, &Error{Part: s.Part, Line: s.lineAt(perr.LineNumber()), Message: explain(perr)}
	}
	p.root = root
	return p, nil
}

type compiler struct {
	program *Program
	source  *Source
	layout  *layout
}

// layOut finds the place of every tag.
func (c *compiler) layOut() error {
	if c.program.format == HTML {
		var err error
		c.layout, err = locate(c.source)
		return err
	}
	c.layout = locatePlain(c.source, c.program.format)
	return nil
}

// locatePlain lays out a text: everything is text, but for what stands between
// the marks of a URL.
func locatePlain(s *Source, format Format) *layout {
	l := &layout{spots: map[int]spot{}}
	at := inPlain
	if format == Line {
		at = inHeader
	}
	url, start := 0, 0
	var before prefix
	for i, r := range s.Coded {
		n := int(r) - codeBase
		switch {
		case string(r) == URLStart:
			url, start, before = url+1, i+1, prefix{}
		case string(r) == URLEnd:
			l.regions = append(l.regions, region{start, i})
			start = 0
		case n >= 0 && start > 0:
			l.spots[n] = spot{place: plainURL(before.place()), zone: "link", node: url}
		case n >= 0:
			l.spots[n] = spot{place: at, zone: "text"}
		default:
			before.add(r)
		}
	}
	return l
}

func plainURL(p place) place {
	if p == inURL {
		return inPlainURL
	}
	return p
}

// instrument writes the source the library compiles: text and outputs by number,
// a counting step at the head of every loop, URL attributes whole.
func (c *compiler) instrument() (string, error) {
	var b strings.Builder
	starts, ends := map[int]bool{}, map[int]bool{}
	for _, r := range c.layout.regions {
		starts[r.start], ends[r.end] = true, true
	}
	coded := c.source.Coded
	text := textRun{compiler: c, out: &b}
	for i, r := range coded {
		n := int(r) - codeBase
		if ends[i] || starts[i] || n >= 0 {
			text.end(i, n)
		}
		if ends[i] {
			b.WriteString("{%end" + tagURL + "%}")
		}
		if starts[i] {
			b.WriteString("{%" + tagURL + "%}")
		}
		if n < 0 {
			continue
		}
		if err := c.tag(&b, n); err != nil {
			return "", err
		}
		text.begin(i+len(string(r)), c.source.Tags[n].trimR)
	}
	text.end(len(coded), -1)
	return b.String(), nil
}

// textRun is the text between two tags.
type textRun struct {
	*compiler
	out   *strings.Builder
	start int
	trimL bool // the tag before it ends in -%}
}

func (t *textRun) begin(start int, trimL bool) { t.start, t.trimL = start, trimL }

// end writes the run up to i, where tag n begins (-1: none does).
func (t *textRun) end(i, n int) {
	text := strings.NewReplacer(URLStart, "", URLEnd, "").Replace(t.source.Coded[t.start:i])
	if t.trimL {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	if n >= 0 && t.source.Tags[n].trimL {
		text = strings.TrimRight(text, " \t\r\n")
	}
	t.begin(i, false)
	if text == "" {
		return
	}
	// Its line breaks stand behind the number: the library counts them for errors.
	fmt.Fprintf(t.out, "{%%%s %d%s%%}", tagText, len(t.program.texts), strings.Repeat("\n", strings.Count(text, "\n")))
	t.program.texts = append(t.program.texts, text)
	t.program.size += len(text)
}

// tag writes one tag.
func (c *compiler) tag(b *strings.Builder, n int) error {
	tag := &c.source.Tags[n]
	if err := c.parseable(tag); err != nil {
		return err
	}
	switch {
	case tag.Output:
		expr, err := expressions.Parse(tag.Args)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "{%%%s %d%%}", tagOut, len(c.program.outputs))
		c.program.outputs = append(c.program.outputs, output{expr: expr, path: names(tag.Args), tag: tag, place: c.layout.spots[n].place})
	case tag.Name == "for":
		c.call("list")
		fmt.Fprintf(b, "{%%for %s%%}{%%%s %d%%}", listed(tag.Args), tagStep, c.body(n))
	case tag.Name == "capture":
		fmt.Fprintf(b, "{%%%s %s%%}", tagCapture, tag.Args)
	case tag.Name == "endcapture":
		fmt.Fprintf(b, "{%%end%s%%}", tagCapture)
	default:
		fmt.Fprintf(b, "{%%%s %s%%}", tag.Name, tag.Args)
	}
	return nil
}

// parseable compiles a tag alone, so that the error names it and its line.
func (c *compiler) parseable(tag *Tag) error {
	err := parse(tag)
	if err == nil && !tag.Output && strings.Contains(tag.Args, "%}") {
		err = errors.New(`%} may not stand in a text here`)
	}
	if err != nil {
		return c.errorf(tag, "can't be read: %v", err)
	}
	return nil
}

// parse tries the library's parser, which panics at some mistakes (a number too
// large, a letter that begins no name).
func parse(tag *Tag) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	switch tag.Name {
	case "", "if", "unless", "elsif", "case":
		_, err = expressions.Parse(tag.Args)
	case "when":
		_, err = expressions.ParseStatement(expressions.WhenStatementSelector, tag.Args)
	case "for":
		_, err = expressions.ParseStatement(expressions.LoopStatementSelector, tag.Args)
	case "assign":
		_, err = expressions.ParseStatement(expressions.AssignStatementSelector, tag.Args)
	case "capture":
		if !reName.MatchString(tag.Args) {
			err = errors.New("it takes one name")
		}
	}
	return err
}

var reName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// listed puts the filter list behind the collection of a for.
func listed(args string) string {
	for _, w := range lex(args) {
		modifier := w.kind == lexKeyword && (w.text == "limit" || w.text == "offset") || w.kind == lexIdent && w.text == "reversed"
		if modifier {
			return args[:w.pos] + "| list " + args[w.pos:]
		}
	}
	return args + " | list"
}

// body is what one turn of the loop at tag n costs, less the loops inside it,
// which count for themselves.
func (c *compiler) body(n int) (work int) {
	depth := 0
	_, rest, _ := strings.Cut(c.source.Coded, Code(n))
	for _, r := range rest {
		tag, ok := c.source.Decode(r)
		switch {
		case !ok:
			continue
		case tag.Name == "for":
			depth++
		case tag.Name == "endfor":
			depth--
		}
		if depth < 0 {
			return work
		}
		if depth == 0 || tag.Name == "for" && depth == 1 {
			work += cost(tag.Args)
		}
	}
	return work
}

// config is the library's grammar with the tags of this program.
func (c *compiler) config() render.Config {
	config := newConfig()
	config.AddTag(tagText, numbered(func(n int) renderFunc { return writeText(c.program.texts[n]) }))
	config.AddTag(tagOut, numbered(func(n int) renderFunc { return c.program.outputs[n].render }))
	return config
}

// renderFunc is what the library calls to render a tag.
type renderFunc = func(io.Writer, render.Context) error

// numbered compiles a tag of ours, whose argument is a number.
func numbered(get func(n int) renderFunc) render.TagCompiler {
	return func(args string) (func(io.Writer, render.Context) error, error) {
		n, err := strconv.Atoi(args)
		if err != nil {
			return nil, err
		}
		return get(n), nil
	}
}

// newConfig is the grammar that compiling and rendering share: the library's
// without what reads files, and without cycle, which is not safe for concurrent
// use.
func newConfig() render.Config {
	config := render.NewConfig()
	tags.AddStandardTags(&config)
	for _, name := range []string{"include", "render", "cycle"} {
		config.UnregisterTag(name)
	}
	config.TemplateStore = noFiles{}
	config.AddTag(tagStep, numbered(renderStep))
	config.AddBlock(tagURL).Renderer(renderURL)
	config.AddBlock(tagCapture).Renderer(renderCapture)
	return config
}

// noFiles stands where the library would read templates from files.
type noFiles struct{}

func (noFiles) ReadTemplate(string) ([]byte, error) {
	return nil, errors.New("a template reads no files")
}

// lineAt is the line in the marketer's file of a line of the coded text: that
// of the last tag before it, which is where the library's errors come from.
func (s *Source) lineAt(line int) int {
	last, at := 0, 1
	for _, r := range s.Coded {
		if r == '\n' {
			if at++; at > line {
				break
			}
		}
		if tag, ok := s.Decode(r); ok {
			last = tag.Line
		}
	}
	return max(last, 1)
}

var libraryPrefix = regexp.MustCompile(`^Liquid error( \(line \d+\))?: `)

// explain takes the library's own idea of file and line out of its message.
func explain(err parser.Error) string {
	if cause := err.Cause(); cause != nil {
		return cause.Error()
	}
	return libraryPrefix.ReplaceAllString(err.Error(), "")
}
