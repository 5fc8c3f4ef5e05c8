// Package awsmodel holds requests against AWS's public service models, which
// PyPI's botocore carries: every member that we send must exist, with the right
// type, and every error that a service has can be listed. For tests only.
package awsmodel

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/testkit/ministack"
)

// Service is one service's model (service-2.json).
type Service struct {
	Operations map[string]Operation `json:"operations"`
	Shapes     map[string]Shape     `json:"shapes"`
}

// Operation of a service.
type Operation struct {
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input  Ref   `json:"input"`
	Errors []Ref `json:"errors"`
}

// Ref leads to a shape; Location says where a member stands outside the body.
type Ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
}

// Shape is a type.
type Shape struct {
	Type      string         `json:"type"`
	Members   map[string]Ref `json:"members"`
	Required  []string       `json:"required"`
	Member    Ref            `json:"member"`
	Key       Ref            `json:"key"`
	Value     Ref            `json:"value"`
	Enum      []string       `json:"enum"`
	Pattern   string         `json:"pattern"`
	Min       *float64       `json:"min"`
	Max       *float64       `json:"max"`
	Exception bool           `json:"exception"`
}

// Load reads the newest model of a service, by its folder in botocore. The test
// is skipped where the Python tools are missing, see ministack.Python.
func Load(t testing.TB, service string) *Service {
	t.Helper()
	venv := filepath.Dir(filepath.Dir(ministack.Python(t)))
	found, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages", "botocore", "data", service, "*", "service-2.json.gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("botocore has no model of %s: make tools-python", service)
	}
	slices.Sort(found)
	f, err := os.Open(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var s Service
	if err := json.NewDecoder(unzipped).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// Errors lists every error that the service has.
func (s *Service) Errors() []string {
	var names []string
	for name, shape := range s.Shapes {
		if shape.Exception {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Check holds a JSON body against the input of an operation and lists what is
// wrong with it.
func (s *Service) Check(operation string, body []byte) []string {
	op, ok := s.Operations[operation]
	if !ok {
		return []string{"no operation " + operation}
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return []string{"body: " + err.Error()}
	}
	return s.check(operation, op.Input.Shape, value)
}

func (s *Service) check(path, name string, value any) []string {
	shape, ok := s.Shapes[name]
	if !ok {
		return []string{path + ": no shape " + name}
	}
	switch shape.Type {
	case "structure":
		return s.checkStructure(path, shape, value)
	case "list":
		return s.checkList(path, shape, value)
	case "map":
		return s.checkMap(path, shape, value)
	case "string":
		return checkString(path, shape, value)
	case "blob":
		return checkBlob(path, value)
	case "boolean":
		return is[bool](path, "boolean", value)
	case "integer", "long", "float", "double", "timestamp":
		return checkNumber(path, shape, value)
	default:
		return []string{fmt.Sprintf("%s: type %s is not known here", path, shape.Type)}
	}
}

func (s *Service) checkStructure(path string, shape Shape, value any) []string {
	object, ok := value.(map[string]any)
	if !ok {
		return []string{path + ": not an object"}
	}
	var problems []string
	for name, member := range object {
		ref, known := shape.Members[name]
		if !known || ref.Location != "" {
			problems = append(problems, fmt.Sprintf("%s: no member %s", path, name))
			continue
		}
		problems = append(problems, s.check(path+"."+name, ref.Shape, member)...)
	}
	for _, name := range shape.Required {
		if _, given := object[name]; !given && shape.Members[name].Location == "" {
			problems = append(problems, fmt.Sprintf("%s: %s is required", path, name))
		}
	}
	return problems
}

func (s *Service) checkList(path string, shape Shape, value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{path + ": not a list"}
	}
	problems := bounds(path, shape, len(list))
	for i, member := range list {
		problems = append(problems, s.check(fmt.Sprintf("%s[%d]", path, i), shape.Member.Shape, member)...)
	}
	return problems
}

func (s *Service) checkMap(path string, shape Shape, value any) []string {
	object, ok := value.(map[string]any)
	if !ok {
		return []string{path + ": not a map"}
	}
	var problems []string
	for key, member := range object {
		problems = append(problems, s.check(path+" key", shape.Key.Shape, key)...)
		problems = append(problems, s.check(path+"."+key, shape.Value.Shape, member)...)
	}
	return problems
}

func checkString(path string, shape Shape, value any) []string {
	text, ok := value.(string)
	if !ok {
		return []string{path + ": not a string"}
	}
	problems := bounds(path, shape, len([]rune(text)))
	if len(shape.Enum) > 0 && !slices.Contains(shape.Enum, text) {
		problems = append(problems, fmt.Sprintf("%s: %q is none of %s", path, text, strings.Join(shape.Enum, ", ")))
	}
	// Some patterns are Java's own; those that Go cannot read are passed over.
	if re, err := regexp.Compile("^(?:" + shape.Pattern + ")$"); err == nil && shape.Pattern != "" && !re.MatchString(text) {
		problems = append(problems, fmt.Sprintf("%s: %q does not match %s", path, text, shape.Pattern))
	}
	return problems
}

func checkBlob(path string, value any) []string {
	text, ok := value.(string)
	if !ok {
		return []string{path + ": not base64"}
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		return []string{path + ": " + err.Error()}
	}
	return nil
}

func checkNumber(path string, shape Shape, value any) []string {
	n, ok := value.(float64)
	if !ok {
		return []string{path + ": not a number"}
	}
	if shape.Min != nil && n < *shape.Min || shape.Max != nil && n > *shape.Max {
		return []string{fmt.Sprintf("%s: %v is out of bounds", path, n)}
	}
	return nil
}

func bounds(path string, shape Shape, size int) []string {
	if shape.Min != nil && float64(size) < *shape.Min || shape.Max != nil && float64(size) > *shape.Max {
		return []string{fmt.Sprintf("%s: size %d is out of bounds", path, size)}
	}
	return nil
}

func is[T any](path, name string, value any) []string {
	if _, ok := value.(T); !ok {
		return []string{path + ": not a " + name}
	}
	return nil
}
