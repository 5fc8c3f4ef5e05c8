package ses

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/aws/transport"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
	"github.com/kesher-io/kesher/shared/testkit/mailertest"
)

// outside is an SES on the wire: it takes what SendEmail sends, or fails as it
// is told to.
type outside struct {
	*httptest.Server
	mu      sync.Mutex
	fail    http.HandlerFunc // nil: accept
	tries   int
	bodies  [][]byte
	arrived []mailertest.Arrival
}

func newOutside(t *testing.T) *outside {
	o := &outside{}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *outside) mailer() *Mailer {
	return New(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &o.URL,
		HTTPClient:   transport.New(),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, ConfigurationSets{Service: "set-service", Marketing: "set-marketing"})
}

// sent is SendEmail's input as it stands on the wire.
type sent struct {
	FromEmailAddress     string
	ConfigurationSetName string
	Destination          struct{ ToAddresses []string }
	Content              struct{ Raw struct{ Data []byte } }
	EmailTags            []struct{ Name, Value string }
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries++
	var in sent
	if r.URL.Path != "/v2/email/outbound-emails" || err != nil || json.Unmarshal(body, &in) != nil {
		http.Error(w, "not understood", http.StatusNotImplemented)
		return
	}
	o.bodies = append(o.bodies, body)
	if o.fail != nil {
		o.fail(w, r)
		return
	}
	a := mailertest.Arrival{From: in.FromEmailAddress, Raw: in.Content.Raw.Data, Tags: map[string]string{}}
	a.To = strings.Join(in.Destination.ToAddresses, ",")
	for _, tag := range in.EmailTags {
		a.Tags[tag.Name] = tag.Value
	}
	o.arrived = append(o.arrived, a)
	fmt.Fprintf(w, `{"MessageId":"ses-%d"}`, len(o.arrived))
}

// answer fails as SES does: the error's name in a header, its text in the body.
func answer(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.Header().Set("X-Amzn-Requestid", "request-1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":%q}`, message)
	}
}

// reset breaks the connection after the whole request was read.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// failing has every later request fail so.
func (o *outside) failing(fail http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = fail
}

func (o *outside) tried() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries
}

func (o *outside) cause(trouble mailertest.Trouble) bool {
	switch trouble {
	case mailertest.Unreachable:
		o.Close()
	case mailertest.Throttled:
		o.failing(answer(429, "TooManyRequestsException", "Maximum sending rate exceeded."))
	case mailertest.MailRefused:
		o.failing(answer(400, "MessageRejected", "Email address is not verified. The following identities failed the check in region EU-WEST-1: dana@customer.example"))
	case mailertest.SenderRefused:
		o.failing(answer(400, "SendingPausedException", "paused"))
	case mailertest.Broken:
		o.failing(answer(500, "InternalServiceErrorException", "dana@customer.example"))
	case mailertest.Reset:
		o.failing(reset)
	case mailertest.Silent:
		o.failing(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	case mailertest.UnknownRefusal:
		o.failing(answer(400, "NewException", "dana@customer.example"))
	default:
		return false
	}
	return true
}

func (o *outside) harness() mailertest.Harness {
	return mailertest.Harness{
		Mailer: o.mailer(),
		Arrived: func() []mailertest.Arrival {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.arrived
		},
		Tries: o.tried,
		Cause: o.cause,
	}
}

func TestMailerConforms(t *testing.T) {
	mailertest.Run(t, func(t *testing.T) mailertest.Harness { return newOutside(t).harness() })
}

// A kept-alive connection that breaks is what net/http and the SDK like to
// repeat by themselves.
func TestSendIsNotRepeatedOnAConnectionThatWasUsedBefore(t *testing.T) {
	o := newOutside(t)
	m := o.mailer()
	if _, err := m.Send(t.Context(), mailertest.Sample(1)); err != nil {
		t.Fatal(err)
	}
	o.failing(reset)
	if _, err := m.Send(t.Context(), mailertest.Sample(2)); err == nil {
		t.Fatal("accepted")
	}
	if n := o.tried(); n != 2 {
		t.Fatalf("%d tries for two sends", n)
	}
}

func TestB11ServiceMailLeavesUnderItsOwnConfigurationSet(t *testing.T) {
	for purpose, want := range map[string]string{plan.PurposeService: "set-service", "marketing": "set-marketing", "news": "set-marketing"} {
		o := newOutside(t)
		m := mailertest.Sample(1)
		m.Purpose = purpose
		if _, err := o.mailer().Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		var in sent
		if err := json.Unmarshal(o.bodies[0], &in); err != nil || in.ConfigurationSetName != want {
			t.Errorf("%s left under %q, want %q (%v)", purpose, in.ConfigurationSetName, want, err)
		}
	}
}

// B27: what is not the mail itself names nobody: keys and the journey are the tags,
// and there is no Feedback-ID.
func TestB27NothingAroundAMailIsPersonal(t *testing.T) {
	o := newOutside(t)
	m := mailertest.Sample(1)
	if _, err := o.mailer().Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{events.TagMessage: m.ID, events.TagCustomer: m.Customer, events.TagJourney: m.Journey}
	if got := o.arrived[0].Tags; !maps.Equal(got, want) {
		t.Errorf("tags %v, want %v", got, want)
	}
	around := strings.ReplaceAll(string(o.bodies[0]), base64.StdEncoding.EncodeToString(m.Raw), "")
	if around = strings.Replace(around, `"ToAddresses":["`+m.To+`"]`, "", 1); strings.Contains(around, "dana") || strings.Contains(around, "Feedback") {
		t.Errorf("beside the mail stands %s", around)
	}
}

func TestSendKeepsTheTagsThatReportsAreFoundBy(t *testing.T) {
	o := newOutside(t)
	m := mailertest.Sample(1)
	m.Journey = "עגלה נטושה 1"
	if _, err := o.mailer().Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := o.arrived[0].Tags[events.TagJourney]; !taggable(got) || !strings.HasSuffix(got, "_1") {
		t.Errorf("journey became %q", got)
	}
	for _, broken := range []func(*flow.Mail){
		func(m *flow.Mail) { m.ID = "a.0" },
		func(m *flow.Mail) { m.ID = "" },
		func(m *flow.Mail) { m.Customer = "dana@customer.example" },
		func(m *flow.Mail) { m.Customer = strings.Repeat("a", 257) },
	} {
		m := mailertest.Sample(1)
		broken(&m)
		if _, err := o.mailer().Send(t.Context(), m); outcome(err) != flow.OutcomeMessageFatal {
			t.Errorf("%q, %q: got %v", m.ID, m.Customer, err)
		}
	}
	if n := o.tried(); n != 1 {
		t.Errorf("%d tries", n)
	}
}

func TestRequestIsOneOfTheServiceModel(t *testing.T) {
	model := awsmodel.Load(t, "sesv2")
	o := newOutside(t)
	if _, err := o.mailer().Send(t.Context(), mailertest.Sample(1)); err != nil {
		t.Fatal(err)
	}
	for _, problem := range model.Check("SendEmail", o.bodies[0]) {
		t.Error(problem)
	}
	if http := model.Operations["SendEmail"].HTTP; http.Method != "POST" || http.RequestURI != "/v2/email/outbound-emails" {
		t.Errorf("SendEmail is %+v", http)
	}
}

// accountServer answers GetAccount.
func accountServer(t *testing.T, body string) *Mailer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v2/email/account" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return (&outside{Server: server}).mailer()
}

func TestAccountTellsLimitsAndState(t *testing.T) {
	body := `{"EnforcementStatus":"PROBATION","ProductionAccessEnabled":false,"SendingEnabled":true,
		"SendQuota":{"Max24HourSend":200,"MaxSendRate":1,"SentLast24Hours":7},"PricingAttributes":{"CurrentPlan":"ESSENTIALS"}}`
	got, err := accountServer(t, body).Account(t.Context())
	want := Account{Rate: 1, Quota: 200, Used: 7, Sandbox: true, Enabled: true, Health: "PROBATION", Plan: "ESSENTIALS"}
	if err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatal(err)
	}
	known := awsmodel.Load(t, "sesv2").Shapes["GetAccountResponse"].Members
	for name := range members {
		if _, ok := known[name]; !ok {
			t.Errorf("the model has no %s", name)
		}
	}
}
