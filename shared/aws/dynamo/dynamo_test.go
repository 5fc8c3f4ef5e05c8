package dynamo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/aws/transport"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/testkit/ministack"
	"github.com/kesher-io/kesher/shared/testkit/storetest"
)

func TestStoreConformsOnMiniStack(t *testing.T) { conform(t, ministack.Start(t)) }

func TestStoreConformsOnGivenEndpoint(t *testing.T) {
	endpoint := os.Getenv("KESHER_TEST_DYNAMODB_ENDPOINT")
	if endpoint == "" {
		t.Skip("KESHER_TEST_DYNAMODB_ENDPOINT is not set")
	}
	conform(t, endpoint)
}

func conform(t *testing.T, endpoint string) {
	tables := createTables(t, endpoint)
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		w := &wire{}
		var mu sync.Mutex
		now := storetest.Start
		store := New(config(endpoint, w), tables, func(string) time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		})
		return storetest.Harness{
			Store: store,
			SetNow: func(to time.Time) {
				mu.Lock()
				defer mu.Unlock()
				now = to
			},
			LoseReply: w.loseReply,
			Cut:       w.cut,
		}
	})
}

func config(endpoint string, next http.RoundTripper) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   &http.Client{Transport: transport.Mend(next)},
	}
}

// createTables makes the four tables as the Data stack does, under names of
// this run, and removes them when the test ends.
func createTables(t *testing.T, endpoint string) map[item.Table]string {
	t.Helper()
	client := dynamodb.NewFromConfig(config(endpoint, http.DefaultTransport))
	prefix := "kesher-test-" + time.Now().UTC().Format("20060102150405.000") + "-"
	tables := map[item.Table]string{}
	for _, table := range []item.Table{item.Customers, item.Ledger, item.Catalog, item.Insights} {
		name := prefix + string(table)
		tables[table] = name
		if _, err := client.CreateTable(t.Context(), tableInput(name, table == item.Customers)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
				t.Error(err)
			}
		})
		described := &dynamodb.DescribeTableInput{TableName: &name}
		if err := dynamodb.NewTableExistsWaiter(client).Wait(t.Context(), described, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return tables
}

func tableInput(name string, indexed bool) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            keys(schema.PK, schema.SK),
		AttributeDefinitions: texts(schema.PK, schema.SK),
	}
	if indexed {
		in.AttributeDefinitions = texts(schema.PK, schema.SK, schema.IK, schema.IS)
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName:  aws.String(schema.Index),
			KeySchema:  keys(schema.IK, schema.IS),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}}
	}
	return in
}

func keys(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: &partition, KeyType: types.KeyTypeHash},
		{AttributeName: &sort, KeyType: types.KeyTypeRange},
	}
}

func texts(names ...string) []types.AttributeDefinition {
	var defs []types.AttributeDefinition
	for _, name := range names {
		defs = append(defs, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
	}
	return defs
}

// wire stands between the SDK and the endpoint, and loses what it is told to.
type wire struct {
	mu   sync.Mutex
	then func() // of the next write's reply, which gets lost
	down bool
}

var errLost = errors.New("connection reset by test")

func (w *wire) loseReply(then func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.then = then
}

func (w *wire) cut() (heal func()) {
	w.setDown(true)
	return func() { w.setDown(false) }
}

func (w *wire) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	down, then := w.down, w.then
	if writes(r) {
		w.then = nil
	} else {
		then = nil
	}
	w.mu.Unlock()
	if down {
		return nil, errLost
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || then == nil {
		return response, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	then()
	return nil, errors.Join(errLost, err)
}

func writes(r *http.Request) bool {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "PutItem", "DeleteItem", "UpdateItem", "TransactWriteItems":
		return true
	}
	return false
}

// scripted answers requests in turn, and the last answer for ever.
type scripted struct {
	mu       sync.Mutex
	answers  []answer
	requests []string // "Operation body"
}

type answer struct {
	status int
	body   string
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.requests = append(s.requests, operation+" "+string(body))
	a := s.answers[min(len(s.requests), len(s.answers))-1]
	return &http.Response{
		StatusCode: a.status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(bytes.NewBufferString(a.body)),
		Request:    r,
	}, nil
}
