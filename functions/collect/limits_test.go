package collect

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/events"
)

// doors are all bodies that the outside can send, each with a place for more of it.
var doors = map[string]string{
	"/v1/identify":                `{"userId":"u1","traits":{"first_name":"D"%s}}`,
	"/v1/track":                   `{"userId":"u1","event":"Order Completed","properties":{"order_id":"o"%s}}`,
	"/v1/page":                    `{"userId":"u1","name":"Home","properties":{"x":1%s}}`,
	"/v1/screen":                  `{"userId":"u1","name":"Home","properties":{"x":1%s}}`,
	"/v1/group":                   `{"userId":"u1","groupId":"g","traits":{"x":1%s}}`,
	"/v1/alias":                   `{"userId":"u1","previousId":"a1"%s}`,
	"/v1/batch":                   `{"batch":[{"type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":"o"%s}}]}`,
	"/v1/import":                  `{"batch":[{"type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":"o"%s}}]}`,
	"/v1/consents":                `{"userId":"u1","purpose":"marketing","channel":"email","state":"withdrawn"%s}`,
	"/v1/surveys/style/responses": `{"userId":"u1","answers":{"colour":"blue"%s}}`,
	"/v1/items":                   `{"items":[{"id":"p1","title":"x"%s}]}`,
	"/v1/messages":                `{"userId":"u1","template":"receipt","data":{"x":1%s}}`,
	"/v1/profiles/get":            `{"userId":"u1"%s}`,
	"/v1/profiles/export":         `{"userId":"u1"%s}`,
	"/v1/profiles/erase":          `{"userId":"u1"%s}`,
}

// E10: what is too large, too deep or too much, says one thing twice, or is no
// text, changes nothing at any door, and is answered with what is wrong.
func TestE10EveryDoorHasItsLimits(t *testing.T) {
	var many strings.Builder
	for i := range events.MaxFields {
		fmt.Fprintf(&many, `,"f%d":1`, i)
	}
	hostile := map[string]string{
		"too large":      `,"more":"` + strings.Repeat("x", events.MaxBody) + `"`,
		"too deep":       `,"more":` + strings.Repeat(`{"a":`, events.MaxDepth) + `1` + strings.Repeat(`}`, events.MaxDepth),
		"absurdly deep":  `,"more":` + strings.Repeat(`[`, 100_000),
		"too many":       many.String(),
		"twice":          `,"more":1,"more":2`,
		"twice, spelled": `,"more":1,"mor\u0065":2`,
		"no UTF-8":       ",\"more\":\"\xff\xfe\"",
	}
	taken := 0
	for path, body := range doors {
		f := setup(t)
		if f.post(path, serverKey, fmt.Sprintf(body, "")); len(f.store.Changes()) > 0 {
			taken++
		}
		for name, more := range hostile {
			f := setup(t)
			w := f.post(path, serverKey, fmt.Sprintf(body, more))
			said := w.Body.String()
			switch {
			case w.Code == http.StatusBadRequest && strings.Contains(said, `"error"`):
			case w.Code == http.StatusOK && strings.Contains(said, `"rejected"`):
			default:
				t.Errorf("%s, %s: %d %.200s", path, name, w.Code, said)
			}
			if n := len(f.store.Changes()); n != 0 {
				t.Errorf("%s, %s: %d items were written", path, name, n)
			}
		}
		for _, id := range []string{`a\nb`, `a\u0000`, `a\u0085b`, `\u202edana`, `dana\u200f`, strings.Repeat("x", 10<<10)} {
			f := setup(t)
			f.post(path, serverKey, strings.Replace(fmt.Sprintf(body, ""), `"u1"`, `"`+id+`"`, 1))
			if n := len(f.store.Changes()); n != 0 && strings.Contains(body, `"u1"`) {
				t.Errorf("%s takes the userId %.20q", path, id)
			}
		}
	}
	if taken < 7 {
		t.Errorf("only %d doors take anything, so this test shows little", taken)
	}
}
