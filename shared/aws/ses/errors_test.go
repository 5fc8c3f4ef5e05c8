package ses

import (
	"errors"
	"testing"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
	"github.com/kesher-io/kesher/shared/testkit/mailertest"
)

func outcome(err error) flow.Outcome {
	var e *flow.SendError
	if errors.As(err, &e) {
		return e.Outcome
	}
	return -1
}

func TestEveryErrorOfTheServiceModelIsClassified(t *testing.T) {
	model := awsmodel.Load(t, "sesv2")
	if len(model.Errors()) < 10 {
		t.Fatalf("the model has only %q", model.Errors())
	}
	for _, name := range model.Errors() {
		if _, ok := outcomes[name]; !ok {
			t.Errorf("%s is in the model and not in the table", name)
		}
	}
	for _, ref := range model.Operations["SendEmail"].Errors {
		if outcomes[ref.Shape] == flow.OutcomeUnknown {
			t.Errorf("SendEmail names %s, and the table calls it unknown", ref.Shape)
		}
	}
}

// The status SES has for an error is irrelevant where its name is known.
func TestEveryErrorOfTheTableIsAnsweredOnce(t *testing.T) {
	for code, want := range outcomes {
		o := newOutside(t)
		o.failing(answer(400, code, "no"))
		_, err := o.mailer().Send(t.Context(), mailertest.Sample(1))
		var e *flow.SendError
		if !errors.As(err, &e) || e.Outcome != want || e.Code != code {
			t.Errorf("%s: got %v, want outcome %v", code, err, want)
		}
		if n := o.tried(); n != 1 {
			t.Errorf("%s: %d tries", code, n)
		}
	}
}

func TestErrorsThatDifferByTheirTextAlone(t *testing.T) {
	cases := []struct {
		status        int
		code, message string
		want          flow.Outcome
	}{
		{429, "TooManyRequestsException", "Maximum sending rate exceeded.", flow.OutcomeNotAccepted},
		{429, "TooManyRequestsException", "Daily message quota exceeded.", flow.OutcomeSenderWide},
		{400, "Throttling", "Daily message quota exceeded.", flow.OutcomeSenderWide},
		{400, "MessageRejected", "Email address is not verified. The following identities failed the check in region EU-WEST-1: News@mail.shop.example", flow.OutcomeSenderWide},
		{400, "MessageRejected", "Email address is not verified. The following identities failed the check in region EU-WEST-1: dana@customer.example", flow.OutcomeMessageFatal},
		{400, "MessageRejected", "Daily virus found", flow.OutcomeMessageFatal},
		{429, "SomethingNew", "", flow.OutcomeNotAccepted},
		{503, "SomethingNew", "", flow.OutcomeUnknown},
		{403, "SomethingNew", "", flow.OutcomeUnknown},
		{502, "", "<html>", flow.OutcomeUnknown},
	}
	for _, c := range cases {
		o := newOutside(t)
		o.failing(answer(c.status, c.code, c.message))
		_, err := o.mailer().Send(t.Context(), mailertest.Sample(1))
		if got := outcome(err); got != c.want {
			t.Errorf("%d %s %q: outcome %v, want %v", c.status, c.code, c.message, got, c.want)
		}
	}
}
