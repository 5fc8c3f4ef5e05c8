package dynamo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Query reads part of one partition or of one index list. Expired items take
// their place in DynamoDB's page and are left out of ours, so a page may be
// short although more follows.
func (s *Store) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	if q.List != "" {
		q.Table = item.Customers
	}
	input, err := s.queryInput(q)
	if err != nil || input == nil {
		return flow.Page{}, err
	}
	out, err := s.client.Query(ctx, input)
	if err != nil {
		return flow.Page{}, readError("query", err)
	}
	page := flow.Page{Items: make([]item.Item, 0, len(out.Items))}
	for _, r := range out.Items {
		it, err := s.queried(q, r)
		if err != nil {
			return flow.Page{}, err
		}
		// The upper end of a prefix is a key that does not carry it; see between.
		if it != nil && strings.HasPrefix(order(q, it), q.Prefix) {
			page.Items = append(page.Items, *it)
		}
	}
	page.Cursor, err = encodeCursor(out.LastEvaluatedKey)
	return page, err
}

// queried decodes a row; nil for an expired one, unless the query wants those.
func (s *Store) queried(q flow.Query, r row) (*item.Item, error) {
	if !q.Expired {
		return s.live(q.Table, r)
	}
	it, err := decode(q.Table, r)
	return &it, err
}

func order(q flow.Query, it *item.Item) string {
	if q.List != "" {
		return it.IS
	}
	return it.SK
}

// queryInput is nil when nothing can lie in the query's range.
func (s *Store) queryInput(q flow.Query) (*dynamodb.QueryInput, error) {
	table, err := s.table(q.Table)
	if err != nil {
		return nil, err
	}
	in := &dynamodb.QueryInput{
		TableName:                 &table,
		ScanIndexForward:          aws.Bool(!q.Backward),
		ExpressionAttributeNames:  map[string]string{"#p": schema.PK},
		ExpressionAttributeValues: row{":p": text(q.PK)},
	}
	orderName := schema.SK
	if q.List != "" {
		in.IndexName = aws.String(schema.Index)
		in.ExpressionAttributeNames["#p"] = schema.IK
		in.ExpressionAttributeValues[":p"] = text(q.List)
		orderName = schema.IS
	} else {
		in.ConsistentRead = aws.Bool(bool(q.Consistency))
	}
	if q.Limit > 0 {
		in.Limit = aws.Int32(int32(q.Limit))
	}
	clause, values, empty := between(q)
	if empty {
		return nil, nil
	}
	in.KeyConditionExpression = aws.String("#p = :p" + clause)
	if clause != "" {
		in.ExpressionAttributeNames["#o"] = orderName
	}
	for name, v := range values {
		in.ExpressionAttributeValues[name] = text(v)
	}
	in.ExclusiveStartKey, err = decodeCursor(q.Cursor)
	return in, err
}

// between makes the one condition on the sort key that DynamoDB allows out of
// a prefix and two ends.
func between(q flow.Query) (clause string, values map[string]string, empty bool) {
	low, high := max(q.From, q.Prefix), q.To
	switch {
	case q.Prefix != "" && low == q.Prefix && (high == "" || beyond(high, q.Prefix)):
		return " AND begins_with(#o, :prefix)", map[string]string{":prefix": q.Prefix}, false
	case q.Prefix != "" && (high == "" || beyond(high, q.Prefix)):
		high = successor(q.Prefix)
	}
	switch {
	case q.Prefix != "" && beyond(low, q.Prefix), high != "" && low > high:
		return "", nil, true
	case low != "" && high != "":
		return " AND #o BETWEEN :low AND :high", map[string]string{":low": low, ":high": high}, false
	case low != "":
		return " AND #o >= :low", map[string]string{":low": low}, false
	case high != "":
		return " AND #o <= :high", map[string]string{":high": high}, false
	default:
		return "", nil, false
	}
}

// beyond says whether key comes after everything that begins with prefix.
func beyond(key, prefix string) bool { return key > prefix && !strings.HasPrefix(key, prefix) }

// successor is the least text after everything that begins with prefix, in the
// order of UTF-8 bytes; "" when there is none.
func successor(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xD7FF: // the surrogates that follow are no text
			return prefix + string(rune(0xE000))
		case last < utf8.MaxRune:
			return prefix + string(last+1)
		}
	}
	return ""
}

// A cursor is DynamoDB's LastEvaluatedKey; all its attributes are texts.
func encodeCursor(last row) (string, error) {
	if len(last) == 0 {
		return "", nil
	}
	key := make(map[string]string, len(last))
	for name, value := range last {
		s, ok := value.(*types.AttributeValueMemberS)
		if !ok {
			return "", fmt.Errorf("query: key attribute %s is no text", name)
		}
		key[name] = s.Value
	}
	b, err := json.Marshal(key)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func decodeCursor(cursor string) (row, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, fmt.Errorf("cursor: %w", err)
	}
	var key map[string]string
	if err := json.Unmarshal(b, &key); err != nil {
		return nil, fmt.Errorf("cursor: %w", err)
	}
	last := make(row, len(key))
	for name, value := range key {
		last[name] = text(value)
	}
	return last, nil
}
