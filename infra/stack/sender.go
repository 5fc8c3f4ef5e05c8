package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/events"
)

// sender is what mail leaves under. Service mail and the rest have configuration
// sets of their own, so that what a customer is owed can be told from what she
// may unsubscribe from, in SES's numbers and events (B11).
type sender struct {
	app                *app
	service, marketing awsses.ConfigurationSet
}

func (a *app) newSender() sender {
	s := sender{app: a, service: a.newConfigurationSet("Service"), marketing: a.newConfigurationSet("Marketing")}
	if !a.ExistingIdentity {
		a.newIdentity()
	}
	return s
}

// reported are the events that SES sends us. Opens and clicks are not among
// them: SES's own tracking would count who never agreed to it. `send` is what
// settles soonest a message whose reply got lost.
var reported = []struct{ event, name string }{
	{events.SESSend, "send"},
	{events.SESDelivery, "delivery"},
	{events.SESBounce, "bounce"},
	{events.SESComplaint, "complaint"},
	{events.SESDeliveryDelay, "deliveryDelay"},
	{events.SESReject, "reject"},
}

// newConfigurationSet makes a set that sends its events to EventBridge: SES knows
// only the account's default bus. TLS is demanded of no receiver: some have none,
// and then a customer would not get what she is owed.
func (a *app) newConfigurationSet(id string) awsses.ConfigurationSet {
	set := awsses.NewConfigurationSet(a.stack, jsii.String(id+"Mail"), &awsses.ConfigurationSetProps{
		SuppressionReasons: awsses.SuppressionReasons_BOUNCES_AND_COMPLAINTS,
	})
	var names []string
	for _, r := range reported {
		names = append(names, r.name)
	}
	awsses.NewCfnConfigurationSetEventDestination(a.stack, jsii.String(id+"Events"), &awsses.CfnConfigurationSetEventDestinationProps{
		ConfigurationSetName: set.ConfigurationSetName(),
		EventDestination: awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
			Enabled:                jsii.Bool(true),
			MatchingEventTypes:     jsii.Strings(names...),
			EventBridgeDestination: awsses.CfnConfigurationSetEventDestination_EventBridgeDestinationProperty{EventBusArn: a.defaultBus()},
		},
	})
	return set
}

func (a *app) defaultBus() *string {
	return a.stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("events"), Resource: jsii.String("event-bus"), ResourceName: jsii.String("default"),
	})
}

// newIdentity gives SES the domain, and says which records its DNS needs: the
// zone may be anywhere, so none is written. MAIL FROM lies below the domain, so
// that SPF aligns (B10); until its record stands SES uses its own.
func (a *app) newIdentity() {
	mailFrom := "bounce." + a.Domain
	identity := awsses.NewEmailIdentity(a.stack, jsii.String("Identity"), &awsses.EmailIdentityProps{
		Identity:                    awsses.Identity_Domain(&a.Domain),
		DkimIdentity:                awsses.DkimIdentity_EasyDkim(awsses.EasyDkimSigningKeyLength_RSA_2048_BIT),
		MailFromDomain:              &mailFrom,
		MailFromBehaviorOnMxFailure: awsses.MailFromBehaviorOnMxFailure_USE_DEFAULT_VALUE,
	})
	for i, r := range *identity.DkimRecords() {
		a.record(fmt.Sprintf("DnsDkim%d", i+1), *r.Name, "CNAME", *r.Value)
	}
	a.record("DnsMailFrom", mailFrom, "MX", "10 feedback-smtp."+*a.stack.Region()+".amazonses.com")
	a.record("DnsSpf", mailFrom, "TXT", `"v=spf1 include:amazonses.com ~all"`)
	a.record("DnsDmarc", "_dmarc."+a.Domain, "TXT", `"v=DMARC1; p=none"`)
}

func (a *app) record(id, name, kind, value string) {
	output(a.stack, id, jsii.String(name+" "+kind+" "+value), "A record that the domain's DNS needs")
}

// statements let a function send. SES asks for SendRawEmail where SendEmail of
// its API v2 carries a raw message. It names as resource the identity that fits
// the sender best, which may lie below the domain, and in the sandbox the
// recipient's, too; so it is the sender's address that is held to the domain.
func (s sender) statements() []awsiam.PolicyStatement {
	arn := func(resource, name string) *string {
		return s.app.stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("ses"), Resource: jsii.String(resource), ResourceName: jsii.String(name),
		})
	}
	send := awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("ses:SendEmail", "ses:SendRawEmail"),
		Resources: &[]*string{
			arn("identity", "*"),
			arn("configuration-set", *s.service.ConfigurationSetName()),
			arn("configuration-set", *s.marketing.ConfigurationSetName()),
		},
		Conditions: &map[string]any{"StringLike": map[string]any{
			"ses:FromAddress": []string{"*@" + s.app.Domain, "*@*." + s.app.Domain},
		}},
	})
	// GetAccount is about the account and knows no resource.
	return []awsiam.PolicyStatement{send, allow([]string{"ses:GetAccount"}, jsii.String("*"))}
}
