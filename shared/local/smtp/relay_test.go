package smtp

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/kesher-io/kesher/shared/testkit/mailertest"
)

// relay is a small SMTP server. Each verb's answer can be replaced; the answer
// "" closes the connection, silence leaves it open without a word.
type relay struct {
	listener net.Listener

	mu      sync.Mutex
	answers map[string]string // by verb; "." is the answer to the mail
	arrived []mailertest.Arrival
	tries   int
	open    []net.Conn
}

const silence = "(silence)"

func newRelay(t *testing.T) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, answers: map[string]string{}}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.keep(conn)
			served.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() {
		r.close()
		served.Wait()
	})
	return r
}

func (r *relay) keep(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, conn)
}

func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.open {
		conn.Close()
	}
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) answer(verb, reply string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[verb] = reply
}

var usual = map[string]string{
	"GREETING": "220 relay", "EHLO": "250-relay\r\n250 8BITMIME", "MAIL": "250 ok", "RCPT": "250 ok",
	"DATA": "354 go on", ".": "250 queued", "QUIT": "221 bye",
}

// reply writes the answer to a verb; false ends the dialogue.
func (r *relay) reply(conn net.Conn, verb string) bool {
	r.mu.Lock()
	text, ok := r.answers[verb]
	r.mu.Unlock()
	if !ok {
		text = usual[verb]
	}
	switch text {
	case "":
		return false
	case silence:
		_, _ = bufio.NewReader(conn).ReadByte() // until the other side gives up
		return false
	}
	fmt.Fprintf(conn, "%s\r\n", text)
	return text[0] == '2' || text[0] == '3'
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	if !r.reply(conn, "GREETING") {
		return
	}
	in := bufio.NewReader(conn)
	var from, to string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "MAIL":
			from = bare(rest)
		case "RCPT":
			to = bare(rest)
		}
		if !r.reply(conn, verb) {
			return
		}
		if verb == "DATA" && !r.take(conn, in, from, to) {
			return
		}
	}
}

func bare(rest string) string {
	_, rest, _ = strings.Cut(rest, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

// take reads the mail, undoing the dots (RFC 5321 section 4.5.2).
func (r *relay) take(conn net.Conn, in *bufio.Reader, from, to string) bool {
	var raw strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		raw.WriteString(strings.TrimPrefix(line, "."))
	}
	r.mu.Lock()
	r.tries++
	r.mu.Unlock()
	if !r.reply(conn, ".") {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived = append(r.arrived, mailertest.Arrival{From: from, To: to, Raw: []byte(raw.String())})
	return true
}
