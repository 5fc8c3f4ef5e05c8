package cost

// Prices are AWS's list prices in US dollars, free tiers left out unless named.
type Prices struct {
	Region, Date string

	WriteUnit, ReadUnit float64 // DynamoDB on-demand, one request unit
	Invocation          float64 // Lambda, one request
	GBSecond            float64 // Lambda on Arm, first tier
	HTTPCall            float64 // API Gateway HTTP API, first tier, up to 512 KB
	Emitted             float64 // EventBridge, one custom event up to 64 KB; events of AWS services are free
	LogByte             float64 // CloudWatch Logs, taken in
	Mail, MailOnPlan    float64 // SES without a plan, and on the plan that new accounts begin with

	// A month of what stands still.
	Alarm, Dashboard, Metric                float64
	FreeAlarms, FreeDashboards, FreeMetrics float64
	Secret, Key                             float64
}

// USEast1 is the price list of N. Virginia. Sources, all below
// https://aws.amazon.com: /dynamodb/pricing/on-demand (halved on 2024-11-01),
// /lambda/pricing, /api-gateway/pricing, /eventbridge/pricing,
// /cloudwatch/pricing, /ses/pricing, /secrets-manager/pricing, /kms/pricing.
// Reading a stream is free for Lambda's mappings (/dynamodb/pricing, "DynamoDB
// Streams"); deleting by TTL is free as well.
var USEast1 = Prices{
	Region: "us-east-1", Date: "2026-11-24",

	WriteUnit: 0.625e-6, ReadUnit: 0.125e-6,
	Invocation: 0.20e-6, GBSecond: 0.0000133334,
	HTTPCall: 1.00e-6, Emitted: 1.00e-6,
	LogByte: 0.50 / (1 << 30),
	Mail:    0.10e-3, MailOnPlan: 0.16e-3,

	Alarm: 0.10, Dashboard: 3.00, Metric: 0.30,
	FreeAlarms: 10, FreeDashboards: 3, FreeMetrics: 10,
	Secret: 0.40, Key: 1.00,
}

// MillisecondStep is what Lambda rounds an invocation's time up to.
const MillisecondStep = 0.001

// Latency is what a request keeps a function waiting, and so what its time costs.
// It is taken from AWS's own words ("single-digit millisecond") and not measured:
// there is no account here.
type Latency struct{ Table, Mail, Own float64 } // seconds

// Typical latency within a region. Own is a function's own work on one event at a
// sixth of a processor, which 256 MB give.
var Typical = Latency{Table: 0.005, Mail: 0.080, Own: 0.003}

// LineBytes is what CloudWatch counts for each line besides its text
// (CloudWatch pricing, "Logs"). The platform's own lines are switched off.
const LineBytes = 26
