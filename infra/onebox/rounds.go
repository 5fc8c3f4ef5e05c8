package onebox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// line is one line of a played file.
type line struct {
	n     int // from 1
	raw   []byte
	typ   string
	event string
	at    time.Time // when it reaches Kesher, by the clock of its customer
	user  string
	anon  string
	id    string // messageId; "" if the line has none
	ids   []string
}

// head is what the player must know of a line; collect decodes the rest.
type head struct {
	Type         string          `json:"type"`
	Event        string          `json:"event"`
	UserID       string          `json:"userId"`
	AnonymousID  string          `json:"anonymousId"`
	PreviousID   string          `json:"previousId"`
	MessageID    string          `json:"messageId"`
	ResponseID   string          `json:"responseId"`
	Timestamp    string          `json:"timestamp"`
	Time         string          `json:"time"`
	OriginalTime string          `json:"originalTimestamp"`
	Traits       json.RawMessage `json:"traits"`
}

// readLine reads the head of a line. A line that can't be read at all still
// takes part: collect refuses it with a code.
func readLine(n int, raw []byte) line {
	l := line{n: n, raw: raw}
	var h head
	if json.Unmarshal(raw, &h) != nil {
		return l
	}
	l.typ, l.event, l.user, l.anon, l.id = h.Type, h.Event, h.UserID, h.AnonymousID, h.MessageID
	if l.id == "" {
		l.id = h.ResponseID
	}
	for _, text := range []string{h.Timestamp, h.Time, h.OriginalTime} {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			l.at = at.UTC()
			break
		}
	}
	var traits struct {
		Email string `json:"email"`
	}
	_ = json.Unmarshal(h.Traits, &traits)                       // wrong traits are collect's to refuse
	address := strings.ToLower(strings.TrimSpace(traits.Email)) // as its hash is made (ident.Keys.Address)
	for kind, id := range map[string]string{"u": h.UserID, "a": h.AnonymousID, "p": h.PreviousID, "e": address} {
		if id != "" {
			if kind == "p" {
				kind = "a"
			}
			l.ids = append(l.ids, kind+id)
		}
	}
	return l
}

// window is how many lines are planned at once.
const window = 8192

// maxLine is how much of a line is kept: far more than a call may have. Of a longer
// one the beginning is, which collect refuses as too large.
const maxLine = 1 << 20

// lineReader reads a played file window by window.
type lineReader struct {
	in *bufio.Reader
	n  int
}

func newLineReader(in io.Reader) *lineReader { return &lineReader{in: bufio.NewReaderSize(in, 1<<20)} }

func (r *lineReader) next() ([]line, error) {
	var lines []line
	for len(lines) < window {
		raw, err := r.line()
		if len(raw) > 0 {
			r.n++
		}
		if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			lines = append(lines, readLine(r.n, raw))
		}
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// line reads to the end of a line, and keeps what of it may be kept.
func (r *lineReader) line() (raw []byte, err error) {
	for {
		part, err := r.in.ReadSlice('\n')
		raw = append(raw, part[:min(len(part), maxLine-len(raw))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, err
		}
	}
}

// rounds shares the lines of a window out so that the lines of one round
// concern different people, and each person's lines keep their order. It depends
// on the lines alone, so an interrupted play takes up the same rounds.
func rounds(lines []line) [][]line {
	next := map[string]int{}
	var all [][]line
	for _, l := range lines {
		r := 0
		for _, id := range l.ids {
			r = max(r, next[id])
		}
		for _, id := range l.ids {
			next[id] = r + 1
		}
		for len(all) <= r {
			all = append(all, nil)
		}
		all[r] = append(all[r], l)
	}
	return all
}
