package source

import (
	"encoding/json"
	"maps"
)

// schema is a JSON Schema, draft 7: the newest that YAML editors know well.
type schema map[string]any

// schemas are the definitions that others refer to.
type schemas map[string]schema

func recordSchema(defs schemas, keys []keyword) schema {
	properties := map[string]any{}
	var required []string
	for _, k := range keys {
		properties[k.name] = k.schema(defs)
		if k.required {
			required = append(required, k.name)
		}
	}
	sc := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		sc["required"] = required
	}
	return sc
}

// Schemas are the JSON Schemas of all kinds of files, by file name, made from
// the very shapes that read the files.
func Schemas() map[string][]byte {
	return map[string][]byte{
		"plan.schema.json":      draft7("Tracking plan", planShape),
		"settings.schema.json":  draft7("Settings", settingsShape),
		"journey.schema.json":   draft7("Journey", journeyShape),
		"template.schema.json":  draft7("Template", metaShape),
		"survey.schema.json":    draft7("Survey", surveyShape),
		"notice.schema.json":    draft7("Notice", noticeShape),
		"offers.schema.json":    draft7("Offers", offersShape),
		"segment.schema.json":   draft7("Segment", segmentShape),
		"persona.schema.json":   draft7("Persona", personaShape),
		"broadcast.schema.json": draft7("Broadcast", broadcastShape),
		"test.schema.json":      draft7("Journey tests", testsShape),
	}
}

func draft7[T any](title string, s shape[T]) []byte {
	defs := schemas{}
	sc := schema{"$schema": "http://json-schema.org/draft-07/schema#", "title": title}
	maps.Copy(sc, s.schema(defs))
	if len(defs) > 0 {
		sc["definitions"] = defs
	}
	text, err := json.MarshalIndent(sc, "", "  ")
	if err != nil {
		panic(err) // a schema holds nothing that JSON can't
	}
	return append(text, '\n')
}
