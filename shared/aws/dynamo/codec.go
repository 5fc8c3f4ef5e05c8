package dynamo

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/core/item"
)

type row = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func encodeKey(k item.Key) row { return row{schema.PK: text(k.PK), schema.SK: text(k.SK)} }

func encode(it *item.Item) row {
	r := encodeKey(it.Key)
	r[schema.V] = number(it.V)
	r[schema.W] = text(it.W)
	r[schema.Epoch] = number(it.E)
	r[schema.F] = number(int64(it.F))
	if it.IK != "" {
		r[schema.IK], r[schema.IS] = text(it.IK), text(it.IS)
	}
	if it.TTL != 0 {
		r[schema.TTL] = number(it.TTL)
	}
	if it.Due != "" {
		r[schema.Due] = text(it.Due)
	}
	if it.Trace != "" {
		r[schema.Trace] = text(it.Trace)
	}
	if it.Body != "" {
		r[schema.Doc] = text(it.Body)
	}
	for name, n := range it.Counters {
		r[name] = number(n)
	}
	return r
}

// decode reads a row of a table, or an entry of its index, which holds keys
// only. An attribute that is neither ours nor a Number (an AWS user's own) is
// passed over.
func decode(table item.Table, r row) (item.Item, error) {
	it := item.Item{Key: item.Key{Table: table}}
	for name, value := range r {
		var err error
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			setText(&it, name, v.Value)
		case *types.AttributeValueMemberN:
			err = setNumber(&it, name, v.Value)
		}
		if err != nil {
			return item.Item{}, fmt.Errorf("item %s: attribute %s: %w", it.Key, name, err)
		}
	}
	return it, nil
}

func setText(it *item.Item, name, value string) {
	switch name {
	case schema.PK:
		it.PK = value
	case schema.SK:
		it.SK = value
	case schema.W:
		it.W = value
	case schema.IK:
		it.IK = value
	case schema.IS:
		it.IS = value
	case schema.Due:
		it.Due = value
	case schema.Trace:
		it.Trace = value
	case schema.Doc:
		it.Body = value
	}
}

func setNumber(it *item.Item, name, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return err
	}
	switch name {
	case schema.V:
		it.V = n
	case schema.Epoch:
		it.E = n
	case schema.F:
		it.F = int(n)
	case schema.TTL:
		it.TTL = n
	default:
		if it.Counters == nil {
			it.Counters = map[string]int64{}
		}
		it.Counters[name] = n
	}
	return nil
}
