package columnname

import (
	"slices"
	"strings"
	"testing"
)

func TestUnique(t *testing.T) {
	tests := []struct {
		name, in, want, said string
	}{
		{"in order", "a,b", "a,b", ""},
		{"empty", ",a", "column_1,a", `column 1 has no name and is called "column_1"`},
		{"twice", "a,a,a", "a,a_2,a_3", `column 2 is another "a" and is called "a_2"; column 3 is another "a" and is called "a_3"`},
		{"what is there keeps its name", "a,a,a_2,,column_4", "a,a_3,a_2,column_4_2,column_4", `column 2 is another "a" and is called "a_3"; column 4 has no name and is called "column_4_2"`},
		{"many", strings.Repeat("a,", 8) + "a", "a,a_2,a_3,a_4,a_5,a_6,a_7,a_8,a_9", "; 3 more likewise"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, said := Unique(strings.Split(tt.in, ","))
			if strings.Join(got, ",") != tt.want || !strings.HasSuffix(said, tt.said) || (said == "") != (tt.said == "") {
				t.Errorf("got %q and %q", got, said)
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != strings.Count(tt.in, ",")+1 {
				t.Errorf("two columns have one name: %q", got)
			}
		})
	}
}
