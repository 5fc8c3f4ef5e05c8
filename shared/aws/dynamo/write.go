package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Write carries out all ops or none. A reply that got lost is settled by
// reading what stands there: see settle.
func (s *Store) Write(ctx context.Context, ops ...flow.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := flow.Validate(ops); err != nil {
		return err
	}
	err := s.send(ctx, ops)
	if err == nil {
		return nil
	}
	err = s.outcome(ops, err)
	if !errors.Is(err, flow.ErrUnknown) || ops[0].Kind == flow.OpAdd {
		return err // an Add leaves no token behind, so nothing can settle it
	}
	return s.settle(ctx, ops, err)
}

// send makes one request; the SDK repeats it only while DynamoDB says that it
// wrote nothing.
func (s *Store) send(ctx context.Context, ops []flow.Op) error {
	if len(ops) > 1 || ops[0].Kind == flow.OpCheck {
		return s.sendTransaction(ctx, ops)
	}
	op := &ops[0]
	table, err := s.table(op.Item.Table)
	if err != nil {
		return err
	}
	e := s.condition(op)
	switch op.Kind {
	case flow.OpPut:
		_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &table, Item: encode(&op.Item),
			ConditionExpression: e.text, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}, s.unwritten)
	case flow.OpDelete:
		_, err = s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &table, Key: encodeKey(op.Item.Key),
			ConditionExpression: e.text, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}, s.unwritten)
	case flow.OpAdd:
		return s.sendAdd(ctx, table, op)
	default:
		err = fmt.Errorf("op of kind %d", op.Kind)
	}
	return err
}

func (s *Store) sendAdd(ctx context.Context, table string, op *flow.Op) error {
	names, values := map[string]string{}, row{}
	update := "ADD "
	for i, name := range slices.Sorted(maps.Keys(op.Deltas)) {
		if i > 0 {
			update += ", "
		}
		update += fmt.Sprintf("#c%d :c%d", i, i)
		names[fmt.Sprintf("#c%d", i)] = name
		values[fmt.Sprintf(":c%d", i)] = number(op.Deltas[name])
	}
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &table, Key: encodeKey(op.Item.Key), UpdateExpression: &update,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}, s.unwritten)
	return err
}

func (s *Store) sendTransaction(ctx context.Context, ops []flow.Op) error {
	parts := make([]types.TransactWriteItem, len(ops))
	for i := range ops {
		part, err := s.part(&ops[i])
		if err != nil {
			return err
		}
		parts[i] = part
	}
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: parts}, s.unwritten)
	return err
}

func (s *Store) part(op *flow.Op) (types.TransactWriteItem, error) {
	table, err := s.table(op.Item.Table)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	e := s.condition(op)
	const allOld = types.ReturnValuesOnConditionCheckFailureAllOld
	switch op.Kind {
	case flow.OpPut:
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &table, Item: encode(&op.Item), ReturnValuesOnConditionCheckFailure: allOld,
			ConditionExpression: e.text, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		}}, nil
	case flow.OpDelete:
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: &table, Key: encodeKey(op.Item.Key), ReturnValuesOnConditionCheckFailure: allOld,
			ConditionExpression: e.text, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		}}, nil
	case flow.OpCheck:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &table, Key: encodeKey(op.Item.Key), ReturnValuesOnConditionCheckFailure: allOld,
			ConditionExpression: e.text, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		}}, nil
	default:
		return types.TransactWriteItem{}, fmt.Errorf("op of kind %d in a transaction", op.Kind)
	}
}

// expression is a condition in DynamoDB's language; zero demands nothing.
type expression struct {
	text   *string
	names  map[string]string
	values row
}

// condition says in DynamoDB's language what flow.Condition.Met says in Go.
func (s *Store) condition(op *flow.Op) expression {
	now := number(s.now(op.Item.PK).Unix())
	switch op.If.Kind {
	case flow.AbsentKind:
		return expression{
			text:   aws.String("attribute_not_exists(#pk) OR #ttl <= :now"),
			names:  map[string]string{"#pk": schema.PK, "#ttl": schema.TTL},
			values: row{":now": now},
		}
	case flow.IsKind:
		return expression{
			text:   aws.String("#v = :v AND #w = :w AND (attribute_not_exists(#ttl) OR #ttl > :now)"),
			names:  map[string]string{"#v": schema.V, "#w": schema.W, "#ttl": schema.TTL},
			values: row{":v": number(op.If.V), ":w": text(op.If.W), ":now": now},
		}
	default:
		if op.Kind != flow.OpCheck {
			return expression{}
		}
		// A check must have an expression, even one that always holds.
		return expression{
			text:  aws.String("attribute_exists(#pk) OR attribute_not_exists(#pk)"),
			names: map[string]string{"#pk": schema.PK},
		}
	}
}

// settleTime is how long settling may take when the caller's time is up.
const settleTime = 2 * time.Second

// settle finds out what became of a write whose reply got lost: its own token
// means that it happened (a transaction happens whole), a condition that no
// longer holds that it did not and will not. It never sends the write again:
// the first request may still be under way.
//
// What went to the ledger is not asked for: most functions may only put there,
// and the rest of the transaction tells.
func (s *Store) settle(ctx context.Context, ops []flow.Op, lost error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	var asked []flow.Op
	var keys []item.Key
	var places []int
	for i := range ops {
		if key := ops[i].Item.Key; key.Table != item.Ledger {
			asked, keys, places = append(asked, ops[i]), append(keys, key), append(places, i)
		}
	}
	current, err := s.Get(ctx, flow.Strong, keys...)
	if err != nil {
		return errors.Join(lost, err)
	}
	if landed(asked, current) {
		return nil
	}
	for i := range asked {
		if !asked[i].If.Met(current[i]) {
			return &flow.Conflict{Op: places[i], Key: keys[i], Current: current[i]}
		}
	}
	return lost
}

// landed says whether the write is seen to have happened. Deletes leave no
// token, so they count only where nothing is put: gone is what was wanted.
func landed(ops []flow.Op, current []*item.Item) bool {
	puts, deletes, gone := 0, 0, 0
	for i := range ops {
		switch ops[i].Kind {
		case flow.OpPut:
			puts++
			own := &ops[i].Item
			if own.W != "" && current[i] != nil && current[i].W == own.W && current[i].V == own.V {
				return true
			}
		case flow.OpDelete:
			deletes++
			if current[i] == nil {
				gone++
			}
		}
	}
	return puts == 0 && deletes > 0 && gone == deletes
}
