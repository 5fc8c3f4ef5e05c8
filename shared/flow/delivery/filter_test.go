package delivery

import (
	"testing"

	"github.com/kesher-io/kesher/events"
)

// docRecord is the record of Lambda's developer guide, "Using event filtering
// with a DynamoDB event source", as a table with both images sends it, with the
// attributes of its examples.
func docRecord() *events.StreamRecord {
	return &events.StreamRecord{
		EventName: "INSERT",
		DynamoDB: events.StreamChange{
			Keys: events.Attributes{"CustomerName": events.Text("AnyCompany Industries")},
			NewImage: events.Attributes{
				"AccountManager": events.Text("Pat Candella"),
				"PaymentTerms":   events.Text("60 days"),
				"CustomerName":   events.Text("AnyCompany Industries"),
				"Total":          events.Number(60),
				"Address":        {Type: events.TypeM, Set: events.Attributes{"City": events.Text("Tel Aviv")}},
			},
			SequenceNumber: "111",
		},
	}
}

func TestFilterFollowsTheDeveloperGuide(t *testing.T) {
	cases := []struct {
		what, pattern string
		passes        bool
	}{
		{"a key", `{"dynamodb":{"Keys":{"CustomerName":{"S":["AnyCompany Industries"]}}}}`, true},
		{"another key", `{"dynamodb":{"Keys":{"CustomerName":{"S":["Other"]}}}}`, false},
		{"one of several values", `{"dynamodb":{"NewImage":{"AccountManager":{"S":["Shirley Rodriguez","Pat Candella"]}}}}`, true},
		{"several fields, all right", `{"dynamodb":{"NewImage":{"AccountManager":{"S":["Pat Candella"]},"PaymentTerms":{"S":["60 days"]}}}}`, true},
		{"several fields, one wrong", `{"dynamodb":{"NewImage":{"AccountManager":{"S":["Pat Candella"]},"PaymentTerms":{"S":["30 days"]}}}}`, false},
		{"the event's name", `{"eventName":["INSERT","MODIFY"]}`, true},
		{"another event's name", `{"eventName":["REMOVE"]}`, false},
		{"a field that exists", `{"dynamodb":{"NewImage":{"AccountManager":{"S":[{"exists":true}]}}}}`, true},
		{"a field of another type", `{"dynamodb":{"NewImage":{"AccountManager":{"N":[{"exists":true}]}}}}`, false},
		{"a field that does not exist", `{"dynamodb":{"NewImage":{"Discount":{"S":[{"exists":true}]}}}}`, false},
		{"a field that must not exist and does", `{"dynamodb":{"NewImage":{"AccountManager":{"S":[{"exists":false}]}}}}`, false},
		{"a field that must not exist and does not", `{"dynamodb":{"NewImage":{"Discount":{"S":[{"exists":false}]}}}}`, true},
		{"an image that must not exist and does not", `{"dynamodb":{"OldImage":{"AccountManager":{"S":[{"exists":false}]}}}}`, true},
		{"exists of what is no leaf", `{"dynamodb":{"NewImage":{"AccountManager":[{"exists":true}]}}}`, false},
		{"a number, which is text", `{"dynamodb":{"NewImage":{"Total":{"N":["60"]}}}}`, true},
		{"inside a map", `{"dynamodb":{"NewImage":{"Address":{"M":{"City":{"S":["Tel Aviv"]}}}}}}`, true},
		{"prefix", `{"dynamodb":{"Keys":{"CustomerName":{"S":[{"prefix":"Any"}]}}}}`, true},
		{"another prefix", `{"dynamodb":{"Keys":{"CustomerName":{"S":[{"prefix":"any"}]}}}}`, false},
		{"prefix of what is absent", `{"dynamodb":{"OldImage":{"CustomerName":{"S":[{"prefix":""}]}}}}`, false},
		{"suffix", `{"dynamodb":{"NewImage":{"PaymentTerms":{"S":[{"suffix":"days"}]}}}}`, true},
		{"equals-ignore-case", `{"dynamodb":{"NewImage":{"PaymentTerms":{"S":[{"equals-ignore-case":"60 DAYS"}]}}}}`, true},
		{"anything-but another", `{"dynamodb":{"NewImage":{"PaymentTerms":{"S":[{"anything-but":["30 days","90 days"]}]}}}}`, true},
		{"anything-but this", `{"dynamodb":{"NewImage":{"PaymentTerms":{"S":[{"anything-but":["60 days"]}]}}}}`, false},
		{"anything-but one", `{"dynamodb":{"NewImage":{"PaymentTerms":{"S":[{"anything-but":"60 days"}]}}}}`, false},
		{"anything-but of what is absent", `{"dynamodb":{"NewImage":{"Discount":{"S":[{"anything-but":["x"]}]}}}}`, false},
	}
	for _, c := range cases {
		filter, err := NewFilter(Pattern(c.pattern))
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got := filter.Passes(docRecord()); got != c.passes {
			t.Errorf("%s: passes %t, want %t", c.what, got, c.passes)
		}
	}
}

func TestFilterPassesWhatAnyOfItsPatternsLetsThrough(t *testing.T) {
	no, yes := Pattern(`{"eventName":["REMOVE"]}`), Pattern(`{"eventName":["INSERT"]}`)
	for _, c := range []struct {
		patterns []Pattern
		passes   bool
	}{
		{[]Pattern{no, yes}, true},
		{[]Pattern{no, no}, false},
		{nil, true}, // a mapping without filters gets everything
	} {
		filter, err := NewFilter(c.patterns...)
		if err != nil {
			t.Fatal(err)
		}
		if got := filter.Passes(docRecord()); got != c.passes {
			t.Errorf("%v: passes %t, want %t", c.patterns, got, c.passes)
		}
	}
}

func TestPatternsThatCanNotBeHeldAgainstTextsAreRefused(t *testing.T) {
	for _, pattern := range []Pattern{
		``, `[]`, `{"eventName":"INSERT"}`, `{"eventName":[1]}`, `{"eventName":[null]}`, `{"eventName":[{}]}`,
		`{"eventName":[{"prefix":1}]}`, `{"eventName":[{"exists":"yes"}]}`, `{"eventName":[{"numeric":["=",1]}]}`,
		`{"eventName":[{"prefix":"a","suffix":"b"}]}`, `{"eventName":[{"anything-but":[1]}]}`, `{"eventName":[{"near":"x"}]}`,
	} {
		if _, err := NewFilter(pattern); err == nil {
			t.Errorf("%s was accepted", pattern)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, c := range Consumers {
		for _, p := range For(c) {
			f.Add(string(p))
		}
	}
	f.Fuzz(func(_ *testing.T, pattern string) {
		if filter, err := NewFilter(Pattern(pattern)); err == nil {
			filter.Passes(docRecord())
		}
	})
}
