package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
)

// logs are all lines that the functions wrote, metrics among them.
func (s *site) logs() []string {
	s.t.Helper()
	var groups struct {
		LogGroups []struct{ LogGroupName string }
	}
	s.logsCall("DescribeLogGroups", call{}, &groups)
	var lines []string
	for _, g := range groups.LogGroups {
		var found struct {
			Events []struct{ Message string }
		}
		s.logsCall("FilterLogEvents", call{"logGroupName": g.LogGroupName, "limit": 10_000}, &found)
		for _, e := range found.Events {
			lines = append(lines, strings.Split(e.Message, "\n")...)
		}
	}
	return lines
}

// logsCall is one action of CloudWatch Logs, which is not worth an SDK here.
func (s *site) logsCall(action string, body call, into any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.endpoint, strings.NewReader(string(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+action)
	status, answer := s.do(r)
	if err := json.Unmarshal([]byte(answer), into); err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", action, status, answer)
	}
}

// namesNobody: no line of a log, and so no metric, tells who the customer is.
func (s *site) namesNobody() {
	s.t.Helper()
	all := strings.Join(s.logs(), "\n")
	for _, expected := range []string{`"deliver"`, `"_aws"`} {
		if !strings.Contains(all, expected) {
			s.t.Errorf("there is no %s in the logs, so they show little", expected)
		}
	}
	for line := range strings.Lines(all) {
		if strings.Contains(strings.ToLower(line), "dana") { // as her id, name and address begin
			s.t.Errorf("a line tells of her: %s", line)
		}
	}
}
