package condition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Bounds of one condition (E15). The longest in the shipped catalog has 80 bytes.
const (
	maxSource = 4096 // bytes: bounds the parser's recursion as well
	maxNodes  = 500
	maxReads  = 10 // of stored events: count, sum, last
)

// ours are the functions of this language. Named here, expr parses them as plain
// calls; all its own stay what they are, and are refused by the compiler.
var ours = []string{"count", "date", "last", "len", "now", "sum"}

func parse(src string) (ast.Node, error) {
	switch {
	case len(src) > maxSource:
		return nil, fault(0, "make a segment or a trait of parts of it", "the condition is longer than %d bytes", maxSource)
	case strings.TrimSpace(src) == "":
		return nil, fault(0, "write a condition, or leave it out", "the condition is empty")
	}
	config := &conf.Config{MaxNodes: maxNodes, Functions: map[string]*builtin.Function{}}
	for _, name := range ours {
		config.Functions[name] = nil // only the name is looked at
	}
	tree, err := parser.ParseWithConfig(src, config)
	if err != nil {
		return nil, parseFault(err, src)
	}
	return tree.Node, nil
}

// parseFault says in our words what expr's parser found.
func parseFault(err error, src string) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return fault(0, "", "the condition can't be read: %v", err)
	}
	at := min(max(e.From, 0), utf8.RuneCountInString(src))
	if strings.Contains(e.Message, "exceeds maximum allowed nodes") {
		return tooLong(at)
	}
	token, ok := strings.CutPrefix(e.Message, "unexpected token ")
	switch {
	case e.Message == "literal not terminated":
		return fault(at, "close it with the quote that it begins with", "the text in quotes never ends")
	case !ok:
		return fault(at, "", "the condition can't be read: %s", e.Message)
	case token == "EOF":
		return fault(utf8.RuneCountInString(strings.TrimRight(src, " \n\t")), "something is missing at its end", "the condition ends too early")
	}
	if _, quoted, ok := strings.Cut(strings.TrimSuffix(token, ")"), "("); ok {
		if text, err := strconv.Unquote(quoted); err == nil {
			token = text
		}
	}
	return fault(at, hints[strings.ToLower(token)], "%q is not expected here", token)
}

// hints for what people write who know other languages.
var hints = map[string]string{
	"=":   "compare with ==",
	"<>":  "compare with !=",
	"and": "write and in small letters",
	"or":  "write or in small letters",
	"in":  "write in in small letters",
	"&":   "write and",
	"is":  "ask with == null or != null",
}

func tooLong(at int) error {
	return fault(at, "make a segment or a trait of parts of it", "the condition has more than %d parts", maxNodes)
}

func fault(at int, do, format string, args ...any) error {
	return &Error{Offset: at, What: fmt.Sprintf(format, args...), Do: do}
}
