package liquid

import (
	"sort"
	"strings"
)

// Variable is one variable that a template reads.
type Variable struct {
	Path    string // cart.items[].name: a loop's variable is resolved to its list
	Line    int
	Printed bool // by {{ }}; otherwise it stands in a condition or a loop
	Guarded bool // printed only where it has a value: inside an if on it, or with | default
}

// Variables lists what the program reads, in the order of its source.
func (p *Program) Variables() []Variable { return p.variables }

// reader walks the tags and knows the local names at each.
type reader struct {
	source *Source
	found  []Variable
	roots  map[string]bool
	scopes []scope
}

// scope is one open block.
type scope struct {
	name   string            // of the block
	locals map[string]string // name -> the path it stands for; "" = something computed
	guards []string          // paths that have a value inside
}

// computed stands for a local whose value is made by filters or captured.
const computed = ""

func readVariables(s *Source) ([]Variable, []string) {
	r := &reader{source: s, roots: map[string]bool{}, scopes: []scope{{locals: map[string]string{}}}}
	for _, n := range s.order() {
		r.tag(&s.Tags[n])
	}
	roots := make([]string, 0, len(r.roots))
	for root := range r.roots {
		roots = append(roots, root)
	}
	sort.Strings(roots)
	return r.found, roots
}

func (r *reader) tag(tag *Tag) {
	switch {
	case tag.Output:
		r.read(tag, tag.Args)
	case tag.Name == "for":
		r.loop(tag)
	case tag.Name == "assign":
		r.assign(tag)
	case tag.Name == "capture":
		r.scopes[0].locals[strings.TrimSpace(tag.Args)] = computed
		r.push(scope{name: tag.Name})
	case tag.Name == "if":
		r.read(tag, tag.Args)
		r.push(scope{name: tag.Name, guards: r.guards(tag.Args)})
	case tag.Name == "unless" || tag.Name == "case":
		r.read(tag, tag.Args)
		r.push(scope{name: tag.Name})
	case isClause(tag.Name):
		r.read(tag, tag.Args)
		r.top().guards = nil
		if tag.Name == "elsif" {
			r.top().guards = r.guards(tag.Args)
		}
	case strings.HasPrefix(tag.Name, "end") && len(r.scopes) > 1:
		r.scopes = r.scopes[:len(r.scopes)-1]
	}
}

func (r *reader) push(s scope) { r.scopes = append(r.scopes, s) }
func (r *reader) top() *scope  { return &r.scopes[len(r.scopes)-1] }

// loop binds the loop's variable to the elements of its list.
func (r *reader) loop(tag *Tag) {
	words := lex(tag.Args)
	s := scope{name: "for", locals: map[string]string{}}
	if len(words) > 2 {
		rest := tag.Args[words[1].pos+len("in"):]
		r.read(tag, rest)
		s.locals[words[0].text] = r.alias(rest, "[]")
	}
	r.push(s)
}

// alias is the path a new local stands for, with suffix; computed if the
// expression is more than a path.
func (r *reader) alias(expr, suffix string) string {
	expr, filter, filtered := strings.Cut(expr, "|")
	words := lex(expr)
	found := paths(expr)
	if len(found) != 1 || len(words) == 0 || words[0].kind != lexIdent {
		return computed
	}
	if filtered {
		for _, name := range filterNames("|" + filter) {
			switch name {
			case "first", "last":
				suffix = "[]"
			case "sort", "sort_natural", "reverse", "where", "compact", "uniq", "slice", "concat":
			default:
				return computed
			}
		}
	}
	resolved := r.resolve(found[0])
	if resolved == computed {
		return computed
	}
	return resolved + suffix
}

func (r *reader) assign(tag *Tag) {
	name, expr, ok := strings.Cut(tag.Args, "=")
	if !ok {
		return
	}
	r.read(tag, expr)
	r.scopes[0].locals[strings.TrimSpace(name)] = r.alias(expr, "")
}

// resolve replaces a local root by what it stands for.
func (r *reader) resolve(p path) string {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		stands, ok := r.scopes[i].locals[p.root()]
		if !ok {
			continue
		}
		if stands == computed {
			return computed
		}
		if len(p.segments) == 1 {
			return stands
		}
		rest := path{segments: p.segments[1:]}.String()
		if strings.HasPrefix(rest, "[]") {
			return stands + rest
		}
		return stands + "." + rest
	}
	r.roots[p.root()] = true
	return p.String()
}

// read records what an expression of tag reads.
func (r *reader) read(tag *Tag, expr string) {
	hasDefault := false
	for _, name := range filterNames(expr) {
		hasDefault = hasDefault || name == "default"
	}
	for _, p := range paths(expr) {
		resolved := r.resolve(p)
		if resolved == computed || strings.HasPrefix(resolved, frameRoot) {
			continue
		}
		r.found = append(r.found, Variable{
			Path:    resolved,
			Line:    tag.Line,
			Printed: tag.Output,
			Guarded: hasDefault || r.guarded(resolved),
		})
	}
}

func (r *reader) guarded(path string) bool {
	for _, s := range r.scopes {
		for _, guard := range s.guards {
			if guard == path {
				return true
			}
		}
	}
	return false
}

// guards are the paths that surely have a value where the condition holds: its
// terms that are a bare path or one compared with something, joined by `and`.
func (r *reader) guards(condition string) []string {
	words := lex(condition)
	for _, w := range words {
		if w.kind == lexIdent && w.text == "or" {
			return nil
		}
	}
	var out []string
	start := 0
	for i := 0; i <= len(words); i++ {
		if i < len(words) && !(words[i].kind == lexIdent && words[i].text == "and") {
			continue
		}
		end := len(condition)
		if i < len(words) {
			end = words[i].pos
		}
		if p, ok := r.guard(condition[start:end]); ok {
			out = append(out, p)
		}
		if i < len(words) {
			start = words[i].pos + len("and")
		}
	}
	return out
}

// guard reads one term: path, path != nil, path != "", path == constant, path > 0.
func (r *reader) guard(term string) (string, bool) {
	words := lex(term)
	found := paths(term)
	if len(found) == 0 || words[0].kind != lexIdent {
		return "", false
	}
	last := words[len(words)-1]
	comparesToNothing := last.kind == lexIdent && (last.text == "nil" || last.text == "null")
	isEqual := strings.Contains(term, "==")
	if comparesToNothing && isEqual || !comparesToNothing && strings.Contains(term, "!=") && last.text != "" {
		return "", false
	}
	resolved := r.resolve(found[0])
	return resolved, resolved != computed
}
