package repair

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
)

// corrective returns the body with the model's answer and what is wrong with it
// added, for the one attempt that may mend it.
func corrective(body []byte, answer string, fault error) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	var contents []json.RawMessage
	if err := json.Unmarshal(members["contents"], &contents); err != nil {
		return nil, err
	}
	if answer == "" {
		return nil, errors.New("there is no answer to correct")
	}
	said, err := apijson.Marshal(apijson.TextContent("model", answer))
	if err != nil {
		return nil, err
	}
	reply, err := apijson.Marshal(apijson.TextContent("user", fmt.Sprintf("That is not valid: %v. Answer again, and correctly.", fault)))
	if err != nil {
		return nil, err
	}
	text, err := apijson.Marshal(append(contents, said, reply))
	if err != nil {
		return nil, err
	}
	members["contents"] = text
	return apijson.Marshal(members)
}

// checkedModel checks answers on arrival, and asks once more, with the fault
// shown to the model, when one fails.
type checkedModel struct {
	batch.Model
	check func(*gemini.Answer) error
}

// Check returns the model m with answers checked by check, whose error is shown
// to the model.
func Check(m batch.Model, check func(*gemini.Answer) error) batch.Model {
	return checkedModel{m, check}
}
