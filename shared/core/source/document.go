package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/journey"
)

// maxDepth of nesting: a journey written by a person stays far below it.
const maxDepth = 64

// document is one parsed file. It knows of every value the key it stands under,
// so that a problem with a map can point at the map's name.
type document struct {
	root  *yaml.Node
	owner map[*yaml.Node]*yaml.Node
}

// parse reads one YAML document and refuses what a catalog has no use for:
// anchors and aliases (a few lines of them can stand for gigabytes), explicit
// tags, several documents, and deep nesting.
func parse(text []byte) (*document, []Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var top yaml.Node
	if err := dec.Decode(&top); errors.Is(err, io.EOF) {
		return nil, []Problem{{Line: 1, Col: 1, What: "the file is empty", Do: "write something into it or delete it", Severity: Error}}
	} else if err != nil {
		return nil, []Problem{syntaxProblem(err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, []Problem{{Line: 1, Col: 1, What: "the file holds several documents", Do: "keep one, without a line of ---", Severity: Error}}
	}
	d := &document{root: top.Content[0], owner: map[*yaml.Node]*yaml.Node{}}
	if p := d.vet(d.root, 0); p != nil {
		return nil, []Problem{*p}
	}
	return d, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxProblem takes the line out of the YAML library's message.
func syntaxProblem(err error) Problem {
	text := err.Error()
	p := Problem{Line: 1, Col: 1, Do: "check the indentation, the quotes and the colons", Severity: Error}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			p.Line = line
		}
		text = text[len(m[0]):]
	}
	p.What = "this is no YAML: " + text
	return p
}

func (d *document) vet(n *yaml.Node, depth int) *Problem {
	refuse := func(what, do string) *Problem {
		return &Problem{Line: n.Line, Col: n.Column, What: what, Do: do, Severity: Error}
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return refuse("anchors and aliases (& and *) are not read", "write the value out; quote a text that begins with & or *")
	case n.Style&yaml.TaggedStyle != 0:
		return refuse(fmt.Sprintf("the tag %s is not read", n.Tag), "leave it out; quote a text that begins with !")
	case depth > maxDepth:
		return refuse("this is nested too deeply", fmt.Sprintf("at most %d levels", maxDepth))
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			d.owner[child] = n.Content[i-1]
		}
		if p := d.vet(child, depth+1); p != nil {
			return p
		}
	}
	return nil
}

// place is where a person looks for a node: a word at its first letter, a map or
// list at the key it stands under.
func (d *document) place(n *yaml.Node) journey.Pos {
	if n.Kind == yaml.ScalarNode {
		return wordPlace(n)
	}
	if key := d.owner[n]; key != nil {
		return wordPlace(key)
	}
	return journey.Pos{Line: n.Line, Col: n.Column}
}

func wordPlace(n *yaml.Node) journey.Pos {
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return journey.Pos{Line: n.Line, Col: n.Column + 1}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return journey.Pos{Line: n.Line + 1, Col: 1}
	}
	return journey.Pos{Line: n.Line, Col: n.Column}
}

// find goes down a path of keys (and list indices) and returns the place of the
// deepest node that exists.
func (d *document) find(path []string) journey.Pos {
	n, pos := d.root, journey.Pos{Line: d.root.Line, Col: d.root.Column}
	for _, part := range path {
		n = child(n, part)
		if n == nil {
			break
		}
		pos = d.place(n)
	}
	return pos
}

func child(n *yaml.Node, part string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}
