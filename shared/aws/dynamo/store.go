// Package dynamo is flow.Store over Amazon DynamoDB. It knows DynamoDB's API,
// limits and errors, and nothing of what items mean. Readers and conditions
// honour expiry themselves, since DynamoDB deletes expired items only within
// days (developer guide, "Using time to live").
package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kesher-io/kesher/shared/aws/backoff"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Store = (*Store)(nil)

// Store is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	tables map[item.Table]string
	now    func(pk string) time.Time
	delay  backoff.Delay // between attempts
	repeat aws.Retryer   // of writes
}

// New returns a store over the tables of these physical names. Expiry is judged
// by now of the partition; nil is the wall clock.
func New(cfg aws.Config, tables map[item.Table]string, now func(pk string) time.Time) *Store {
	if now == nil {
		now = func(string) time.Time { return time.Now() }
	}
	s := &Store{client: dynamodb.NewFromConfig(cfg), tables: tables, now: now}
	s.waitBy(backoff.Jitter)
	return s
}

// waitBy sets the delays between attempts.
func (s *Store) waitBy(delay backoff.Delay) {
	s.delay, s.repeat = delay, unwrittenRetryer(delay)
}

// unwritten is the option of every write: see unwrittenRetryer.
func (s *Store) unwritten(o *dynamodb.Options) { o.Retryer = s.repeat }

// Get reads items by key.
func (s *Store) Get(ctx context.Context, consistency flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	switch len(keys) {
	case 0:
		return nil, nil
	case 1:
		one, err := s.getOne(ctx, consistency, keys[0])
		return []*item.Item{one}, err
	default:
		return s.getMany(ctx, consistency, keys)
	}
}

func (s *Store) getOne(ctx context.Context, consistency flow.Consistency, key item.Key) (*item.Item, error) {
	table, err := s.table(key.Table)
	if err != nil {
		return nil, err
	}
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &table,
		Key:            encodeKey(key),
		ConsistentRead: aws.Bool(bool(consistency)),
	})
	if err != nil {
		return nil, readError("get", err)
	}
	return s.live(key.Table, out.Item)
}

const maxBatch = 100 // keys in one BatchGetItem

func (s *Store) getMany(ctx context.Context, consistency flow.Consistency, keys []item.Key) ([]*item.Item, error) {
	found := make(map[item.Key]*item.Item, len(keys))
	for first := 0; first < len(keys); first += maxBatch {
		batch := keys[first:min(first+maxBatch, len(keys))]
		if err := s.getBatch(ctx, consistency, batch, found); err != nil {
			return nil, err
		}
	}
	items := make([]*item.Item, len(keys))
	for i, k := range keys {
		items[i] = found[k].Clone()
	}
	return items, nil
}

// getBatch reads up to maxBatch keys. DynamoDB may answer a part and leave the
// rest unprocessed, which the SDK does not ask for again.
func (s *Store) getBatch(ctx context.Context, consistency flow.Consistency, keys []item.Key, found map[item.Key]*item.Item) error {
	request, logical, err := s.batchRequest(consistency, keys)
	if err != nil {
		return err
	}
	for attempt := range backoff.Attempts {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return readError("batch get", err)
		}
		for table, rows := range out.Responses {
			for _, row := range rows {
				it, err := s.live(logical[table], row)
				if err != nil {
					return err
				}
				if it != nil {
					found[it.Key] = it
				}
			}
		}
		if len(out.UnprocessedKeys) == 0 {
			return nil
		}
		request = out.UnprocessedKeys
		if err := s.delay.Wait(ctx, attempt); err != nil {
			return err
		}
	}
	return fmt.Errorf("batch get: %w", flow.ErrThrottled)
}

// batchRequest asks for each key once (DynamoDB refuses duplicates); logical
// leads from a table's physical name back to ours.
func (s *Store) batchRequest(consistency flow.Consistency, keys []item.Key) (map[string]types.KeysAndAttributes, map[string]item.Table, error) {
	request := map[string]types.KeysAndAttributes{}
	logical := map[string]item.Table{}
	seen := make(map[item.Key]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		table, err := s.table(k.Table)
		if err != nil {
			return nil, nil, err
		}
		logical[table] = k.Table
		asked := request[table]
		asked.ConsistentRead = aws.Bool(bool(consistency))
		asked.Keys = append(asked.Keys, encodeKey(k))
		request[table] = asked
	}
	return request, logical, nil
}

// table is the physical name of a table.
func (s *Store) table(t item.Table) (string, error) {
	if name := s.tables[t]; name != "" {
		return name, nil
	}
	return "", fmt.Errorf("table %s has no name in this function's environment", t)
}

// live decodes a row; nil when there is none or it has expired.
func (s *Store) live(table item.Table, row map[string]types.AttributeValue) (*item.Item, error) {
	if len(row) == 0 {
		return nil, nil
	}
	it, err := decode(table, row)
	if err != nil {
		return nil, err
	}
	if it.Expired(s.now(it.PK)) {
		return nil, nil
	}
	return &it, nil
}
