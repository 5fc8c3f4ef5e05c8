package delivery

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
)

var sampleTime = time.Unix(1_795_514_400, 0)

// changeOf is one kind of change to one item.
func changeOf(event item.Event, key item.Key, due string) item.Change {
	it := &item.Item{Key: key, V: 1, W: "w", F: 1, Due: due, Body: `{}`}
	c := item.Change{Seq: "000000000000000000001", Key: key, Old: it, New: it}
	switch event {
	case item.Insert:
		c.Old = nil
	case item.Remove:
		c.New = nil
	}
	return c
}

// getters are the consumers whose deployed patterns let the change through.
func getters(t testing.TB, c item.Change) (consumers []Consumer) {
	t.Helper()
	record := RecordOf(c, sampleTime)
	for _, consumer := range Consumers {
		filter, err := NewFilter(For(consumer)...)
		if err != nil {
			t.Fatal(err)
		}
		if filter.Passes(&record) {
			consumers = append(consumers, consumer)
		}
	}
	return consumers
}

func TestWhoGetsWhichChange(t *testing.T) {
	journey, deliver, nobody := []Consumer{Journey}, []Consumer{Deliver}, []Consumer(nil)
	other := func(pk, sk string) item.Key { return item.Key{Table: item.Customers, PK: pk, SK: sk} }
	cases := []struct {
		what                   string
		key                    item.Key
		due                    string
		insert, modify, remove []Consumer
	}{
		{"event", item.C("a", item.EventSK("Product Added", sampleTime, "m")), "", journey, journey, nobody},
		{"response", item.C("a", item.ResponseSK("style", sampleTime, "r")), "", journey, journey, nobody},
		{"message", item.C("a", item.MsgSK("m.0")), "", journey, journey, nobody},
		{"profile", item.C("a", item.SKProfile), "", journey, journey, nobody},
		{"inbox", other("IN#dana", "m-1"), "", journey, journey, nobody},
		{"run with a message due", item.C("a", item.RunSK("cart", "")), "m.0", deliver, deliver, nobody},
		{"run without one", item.C("a", item.RunSK("cart", "")), "", nobody, nobody, nobody},
		{"gate", item.C("a", item.SKGate), "", nobody, nobody, nobody},
		{"ended run", item.C("a", item.PastSK("cart", "r")), "m.0", nobody, nobody, nobody},
		{"agenda", item.C("a", item.SKAgenda), "", nobody, nobody, nobody},
		{"membership", item.C("a", item.SegmentSK("vip")), "", nobody, nobody, nobody},
		{"fault", item.C("a", item.FaultSK("k")), "", nobody, nobody, nobody},
		{"guard of a message id", item.C("a", item.IDSK("m")), "", nobody, nobody, nobody},
		{"visitor's event", other("V#v", item.EventSK("Product Added", sampleTime, "m")), "", nobody, nobody, nobody},
		{"address", other("A#h", item.SKOwner), "", nobody, nobody, nobody},
		{"pace", other(item.PKPace, item.SKPace), "", nobody, nobody, nobody},
	}
	for _, c := range cases {
		for event, want := range map[item.Event][]Consumer{item.Insert: c.insert, item.Modify: c.modify, item.Remove: c.remove} {
			if got := getters(t, changeOf(event, c.key, c.due)); !slices.Equal(got, want) {
				t.Errorf("%s of a %s reaches %v, want %v", event, c.what, got, want)
			}
		}
	}
}

func TestPatternsFitTheQuota(t *testing.T) {
	for _, c := range Consumers {
		if n := len(For(c)); n == 0 || n > MaxPatterns {
			t.Errorf("%s has %d patterns, a mapping takes %d", c, n, MaxPatterns)
		}
	}
}

// Lambda matches JSON. The local filter reads the record, or the change itself;
// all three give the same answer to whatever a pattern may ask.
func TestFilterReadsARecordAndItsChangeAsTheJSONSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := drawChange(t)
		record := RecordOf(change, sampleTime)
		var tree any
		if err := json.Unmarshal(events.StreamEvent{Records: []events.StreamRecord{record}}.Append(nil), &tree); err != nil {
			t.Fatal(err)
		}
		tree = tree.(map[string]any)["Records"].([]any)[0]
		path := rapid.SampledFrom([]string{
			"eventName", "dynamodb.Keys.pk.S", "dynamodb.Keys.sk.S", "dynamodb.Keys.pk.N", "dynamodb.Keys.w.S",
			"dynamodb.NewImage.due.S", "dynamodb.OldImage.due.S", "dynamodb.NewImage.ik.S", "dynamodb.NewImage.is.S",
			"dynamodb.NewImage.v.N", "dynamodb.OldImage.ttl.N", "dynamodb.NewImage.d.S", "dynamodb.NewImage.sent.N",
			"dynamodb.NewImage.none.S", "dynamodb.NewImage.d", "dynamodb.OldImage", "none",
		}).Draw(t, "path")
		text, present := lookUp(tree, strings.Split(path, "."))
		for _, rule := range []any{text, object{"exists": true}, object{"anything-but": "INSERT"}} {
			filter := filterAt(t, path, rule)
			want := present
			if rule, ok := rule.(object); ok && rule["anything-but"] != nil {
				want = present && text != "INSERT"
			}
			if got := filter.Passes(&record); got != want {
				t.Fatalf("%s %v: the record passes %t, its JSON says %q, %t", path, rule, got, text, present)
			}
			if got := filter.PassesChange(&change); got != want {
				t.Fatalf("%s %v: the change passes %t, its JSON says %q, %t", path, rule, got, text, present)
			}
		}
	})
}

// filterAt is a filter of one rule at a path.
func filterAt(t *rapid.T, path string, rule any) *Filter {
	var pattern any = []any{rule}
	names := strings.Split(path, ".")
	for _, name := range slices.Backward(names) {
		pattern = object{name: pattern}
	}
	text, err := json.Marshal(pattern)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := NewFilter(Pattern(text))
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

// lookUp is the text at path in decoded JSON.
func lookUp(tree any, path []string) (string, bool) {
	for _, name := range path {
		object, _ := tree.(map[string]any)
		tree = object[name]
	}
	text, ok := tree.(string)
	return text, ok
}

func drawChange(t *rapid.T) item.Change {
	c := item.Change{Seq: "000000000000000000007"}
	text := rapid.StringN(1, 12, -1)
	c.Key = item.Key{Table: item.Customers, PK: text.Draw(t, "pk"), SK: text.Draw(t, "sk")}
	image := func(name string) *item.Item {
		it := &item.Item{Key: c.Key, V: rapid.Int64().Draw(t, name+" v"), W: rapid.String().Draw(t, name+" w"),
			E: rapid.Int64().Draw(t, name+" e"), F: rapid.IntRange(0, 9).Draw(t, name+" f"), TTL: rapid.Int64().Draw(t, name+" ttl")}
		if rapid.Bool().Draw(t, name+" listed") {
			it.IK, it.IS, it.Due = text.Draw(t, name+" ik"), text.Draw(t, name+" is"), text.Draw(t, name+" due")
		}
		if rapid.Bool().Draw(t, name+" counts") {
			it.Counters = map[string]int64{"sent": rapid.Int64().Draw(t, name+" sent")}
		} else {
			it.Body = rapid.String().Draw(t, name+" body")
		}
		return it
	}
	switch rapid.SampledFrom([]item.Event{item.Insert, item.Modify, item.Remove}).Draw(t, "event") {
	case item.Insert:
		c.New = image("new")
	case item.Remove:
		c.Old = image("old")
	default:
		c.Old, c.New = image("old"), image("new")
	}
	return c
}

func TestChangesSurviveTheWayThroughTheStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawChange(t)
		payload := events.StreamEvent{Records: []events.StreamRecord{RecordOf(c, sampleTime)}}.Append(nil)
		read, err := events.ReadStream(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ChangeOf(&read.Records[0])
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v came out as %+v, %v", c, got, err)
		}
	})
}

func TestAnInboxItemOfAnAWSUserCarriesItsBody(t *testing.T) {
	for _, body := range []string{
		`{"S":"{\"type\":\"track\",\"n\":1.50,\"ok\":true,\"none\":null,\"list\":[\"a\"]}"}`,
		`{"M":{"type":{"S":"track"},"n":{"N":"1.50"},"ok":{"BOOL":true},"none":{"NULL":true},"list":{"L":[{"S":"a"}]}}}`,
	} {
		read, err := events.ReadStream([]byte(`{"Records":[{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1",` +
			`"Keys":{"pk":{"S":"IN#dana"},"sk":{"S":"m-1"}},"NewImage":{"pk":{"S":"IN#dana"},"sk":{"S":"m-1"},` +
			`"ttl":{"N":"9"},"weight":{"N":"1.5"},"photo":{"B":"AA=="},"body":` + body + `}}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		c, err := ChangeOf(&read.Records[0])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := c.New.Decode(&got); err != nil {
			t.Fatalf("body %s: %v", c.New.Body, err)
		}
		want := map[string]any{"type": "track", "n": 1.5, "ok": true, "none": nil, "list": []any{"a"}}
		if !reflect.DeepEqual(got, want) || c.New.TTL != 9 || c.New.V != 0 {
			t.Fatalf("body %v, item %+v", got, c.New)
		}
	}
}

func TestRecordsThatAreNotOursAreRefused(t *testing.T) {
	for _, record := range []events.StreamRecord{
		{DynamoDB: events.StreamChange{Keys: events.Attributes{"id": events.Text("a")}}},
		{DynamoDB: events.StreamChange{Keys: events.Attributes{"pk": events.Text("a"), "sk": events.Text("b")},
			NewImage: events.Attributes{"v": {Type: events.TypeN, Text: "1.5"}}}},
	} {
		if c, err := ChangeOf(&record); err == nil {
			t.Errorf("%+v was read as %+v", record, c)
		}
	}
}

// The stream keeps a record for 24 h (DynamoDB developer guide, "Change data capture
// for DynamoDB Streams"): later there is nothing left for the failure bucket.
func TestARecordIsSetAsideWhileTheStreamStillHasIt(t *testing.T) {
	if MaxAge >= 24*time.Hour || MaxAge < 12*time.Hour {
		t.Fatalf("%s", MaxAge)
	}
}
