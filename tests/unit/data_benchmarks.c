/* data_benchmarks.c -- benchmarks' files as they are distributed: read as the own form of the same questions, told by their
 * content and by name; and what is refused. */
#include "../data_rig.h"

static int load(struct ril_dataset *d, const struct ril_data_source *from, struct ril_err *e)
{
	*e = (struct ril_err){0};
	return ril_dataset_load(d, from, 1, e);
}

/* The file is read as `own`, whatever it is taken for: by its content, and by the benchmark's name. */
static void check(const char *name, const char *file, const char *text, const char *annotations, const char *own)
{
	struct ril_dataset want, got;
	struct ril_err e;
	CHECK(!load(&want, &(struct ril_data_source){.path = put(own)}, &e), "%s: own: %s", name, e.msg);
	struct ril_data_source from = {.path = put_as(file, text),
				       .annotations = annotations ? put_as("answers.json", annotations) : NULL};
	for (int told = 0; told < 2; told++) {
		from.format = told ? ril_data_format_named(name) : RIL_DATA_ANY;
		CHECK(!load(&got, &from, &e) && got.n == want.n, "%s: %zu of %zu: %s", name, got.n, want.n, e.msg);
		if (!annotations)
			check_lasting(&got, from.path, from.format);
		for (size_t i = 0; i < got.n && got.n == want.n; i++) {
			CHECK(same(&want.at[i], &got.at[i]), "%s: question %zu", name, i);
			for (size_t k = 0; k < got.at[i].fields && !same(&want.at[i], &got.at[i]); k++)
				printf("  %s: %s\n", got.at[i].field[k].name, got.at[i].field[k].value);
		}
		ril_dataset_free(&got);
	}
	ril_dataset_free(&want);
}

static void test_names(void)
{
	static const char *const names[] = {"auto",     "question",  "conversations", "messages", "pairs",
					    "captions", "foil",      "vqav2",         "chartqa",  "docvqa",
					    "textvqa",  "mathvista", "vizwiz",        "pope",     "mmmu"};
	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		CHECK(ril_data_format_named(names[k]) == (enum ril_data_format)k, "%s", names[k]);
	CHECK(ril_data_format_named("pop") == RIL_DATA_ANY && ril_data_format_named("") == RIL_DATA_ANY, "no name");
}

/* ---- lists and lines ---- */

static void test_records(void)
{
	check("chartqa", "test_human.json",
	      "[{\"imgname\": \"41699051005347.png\", \"query\": \"How many bars?\", \"label\": \"14\"},\n"
	      " {\"imgname\": \"b.png\", \"query\": \"Is it?\", \"label\": \"Yes\"}]",
	      NULL,
	      "{\"id\":\"#1\",\"image\":\"png/41699051005347.png\",\"question\":\"How many bars?\",\"answer\":\"14\","
	      "\"judge\":\"relaxed\",\"type\":\"human\",\"imgname\":\"41699051005347.png\"}\n"
	      "{\"id\":\"#2\",\"image\":\"png/b.png\",\"question\":\"Is it?\",\"answer\":\"Yes\",\"judge\":\"relaxed\","
	      "\"type\":\"human\",\"imgname\":\"b.png\"}");
	check("pope", "coco_pope_adversarial.json",
	      "{\"question_id\": 1, \"image\": \"COCO_val2014_000000310196.jpg\", \"text\": \"Is there a snowboard in "
	      "the "
	      "image?\", \"label\": \"yes\"}\n"
	      "{\"question_id\": 2, \"image\": \"COCO_val2014_000000310196.jpg\", \"text\": \"A car?\", \"label\": "
	      "\"no\"}\n",
	      NULL,
	      "{\"id\":1,\"image\":\"COCO_val2014_000000310196.jpg\",\"question\":\"Is there a snowboard in the "
	      "image?\",\"answer\":\"yes\",\"judge\":\"pope\",\"type\":\"adversarial\"}\n"
	      "{\"id\":2,\"image\":\"COCO_val2014_000000310196.jpg\",\"question\":\"A "
	      "car?\",\"answer\":\"no\",\"judge\":\"pope\",\"type\":\"adversarial\"}\n");
	check("vizwiz", "val.json",
	      "[{\"image\": \"VizWiz_val_00000000.jpg\", \"question\": \"What is this?\", \"answers\": [{\"answer\": "
	      "\"soap\", \"answer_confidence\": \"yes\"}, {\"answer\": \"unanswerable\", \"answer_confidence\": "
	      "\"no\"}], "
	      "\"answer_type\": \"other\", \"answerable\": 1}]",
	      NULL,
	      "{\"id\":\"#1\",\"image\":\"VizWiz_val_00000000.jpg\",\"question\":\"What is "
	      "this?\",\"answers\":[{\"answer\":\"soap\",\"answer_confidence\":\"yes\"},{\"answer\":\"unanswerable\","
	      "\"answer_confidence\":\"no\"}],\"type\":\"other\",\"answer_type\":\"other\",\"answerable\":1,"
	      "\"judge\":\"vizwiz\"}");
}

#define MMMU(MORE) "\"img_type\":\"['Tables']\",\"subfield\":\"Audit\"," MORE

/* Options and answers as Python prints lists; pictures where they are mentioned, in the record or beside it in a shard. */
static void test_mmmu(void)
{
	check("mmmu", "mmmu.jsonl",
	      "{\"id\":\"validation_Art_Theory_12\",\"question\":\"Is <image 2> <image 8> like <image "
	      "1>?\",\"options\":\"['<image "
	      "3>', \\\"it's\\\", 'a\\\\\\\\b\\\\n', '\\\\xe9\\\\u20ac\\\\U0001f600\\\\'' , "
	      "'\u6f22']\",\"question_type\":\"multiple-"
	      "choice\",\"answer\":\"B\",\"image_1\":\"a\",\"image_2\":\"b\",\"image_3\":\"c\",\"image_4\":\"d\","
	      "\"image_5\":null," MMMU(
		      "\"explanation\":\"\"}\n") "{\"id\":\"dev_Math_9\",\"question\":\"How "
						 "much?\",\"options\":\"[]\",\"question_type\":\"open\",\"answer\":\"['"
						 "24/7', "
						 "'3.4']\",\"image\":[\"x\"]," MMMU(
							 "\"explanation\":\"\"}\n") "{\"id\":\"7\",\"question\":\"<"
										    "image "
										    "1>\",\"options\":[],\"question_"
										    "type\":\"open\",\"answer\":\"7\","
										    "\"image\":[\"x\"]," MMMU("\"explan"
													      "ation\":"
													      "\"\"}"
													      "\n"),
	      NULL,
	      "{\"id\":\"validation_Art_Theory_12\",\"question\":\"<image>Is <image> <image 8> like <image>?\\n(A) "
	      "<image>\\n(B) "
	      "it's\\n(C) a\\\\b\\n\\n(D) \u00e9\u20ac\U0001f600'\\n(E) \u6f22\\n\\nAnswer with the option's letter "
	      "from the given choices "
	      "directly.\",\"choices\":[\"<image "
	      "3>\",\"it's\",\"a\\\\b\\n\",\"\u00e9\u20ac\U0001f600'\",\"\u6f22\"],\"question_type\":\"multiple-"
	      "choice\",\"answer\":\"B\",\"image\":[\"d\",\"b\",\"a\",\"c\"],\"type\":\"Art_Theory\",\"judge\":"
	      "\"mmmu\"," MMMU(
		      "\"explanation\":\"\"}\n") "{\"id\":\"dev_Math_9\",\"question\":\"<image>How much?\\nAnswer the "
						 "question using a single word or "
						 "phrase.\",\"question_type\":\"open\",\"answers\":[\"24/"
						 "7\",\"3.4\"],\"image\":[\"x\"],\"type\":\"Math\",\"judge\":"
						 "\"mmmu\"," MMMU(
							 "\"explanation\":\"\"}\n") "{\"id\":\"7\",\"question\":\"<"
										    "image>\\nAnswer the question "
										    "using a single word or "
										    "phrase.\",\"question_type\":"
										    "\"open\",\"answer\":\"7\","
										    "\"image\":[\"x\"],\"judge\":"
										    "\"mmmu\"," MMMU(
											    "\"explanation\":\"\"}\n"));
}

/* ---- one object with a list of questions ---- */

static void test_lists(void)
{
	check("docvqa", "val_v1.0_withQT.json",
	      "{\"dataset_name\": \"SP-DocVQA\", \"dataset_version\": \"1.0\", \"dataset_split\": \"val\", \"data\": "
	      "[{\"questionId\": 49153, \"question\": \"What is the value?\", \"question_types\": [\"figure/diagram\", "
	      "\"form\"], \"image\": \"documents/pybv0228_81.png\", \"docId\": 14465, \"ucsf_document_id\": "
	      "\"pybv0228\", "
	      "\"ucsf_document_page_no\": \"81\", \"answers\": [\"0.28\", \".28\"], \"data_split\": \"val\"}]}",
	      NULL,
	      "{\"id\":49153,\"image\":\"documents/pybv0228_81.png\",\"question\":\"What is the "
	      "value?\",\"answers\":[\"0.28\",\".28\"],\"type\":\"figure/diagram, "
	      "form\",\"judge\":\"anls\",\"question_types\":[\"figure/"
	      "diagram\",\"form\"],\"docId\":14465,\"ucsf_document_"
	      "id\":\"pybv0228\",\"ucsf_document_page_no\":\"81\",\"data_split\":\"val\"}");
	check("textvqa", "TextVQA_0.5.1_val.json",
	      "{\"dataset_type\":\"val\",\"dataset_name\":\"textvqa\",\"dataset_version\":\"0.5.1\",\"data\":[{"
	      "\"question\":"
	      "\"what brand?\",\"image_id\":\"003a8ae2ef43b901\",\"image_classes\":[\"Camera\"],\"image_width\":1024,"
	      "\"answers\":[\"dakota\",\"dakota "
	      "digital\"],\"question_tokens\":[\"what\",\"brand\"],\"question_id\":34602,"
	      "\"set_name\":\"val\"},{\"question\":\"who?\",\"image_id\":\"00\",\"image_classes\":[],\"question_id\":7,"
	      "\"set_name\":\"test\"}]}",
	      NULL,
	      "{\"id\":34602,\"image\":\"train_images/003a8ae2ef43b901.jpg\",\"question\":\"what "
	      "brand?\",\"answers\":[\"dakota\",\"dakota "
	      "digital\"],\"judge\":\"vizwiz\",\"image_id\":\"003a8ae2ef43b901\",\"image_classes\":[\"Camera\"],"
	      "\"image_"
	      "width\":1024,\"question_tokens\":[\"what\",\"brand\"],\"set_name\":\"val\"}\n"
	      "{\"id\":7,\"image\":\"test_images/"
	      "00.jpg\",\"question\":\"who?\",\"judge\":\"vizwiz\",\"image_id\":\"00\","
	      "\"image_classes\":[],\"set_name\":\"test\"}");
	check("mathvista", "testmini.json",
	      "{\n \"1\": {\"question\": \"What is v?\", \"image\": \"images/1.jpg\", \"choices\": null, \"unit\": "
	      "null, "
	      "\"precision\": 1.0, \"answer\": \"1.2\", \"question_type\": \"free_form\", \"answer_type\": \"float\", "
	      "\"pid\": \"1\", \"metadata\": {\"split\": \"testmini\", \"task\": \"textbook question answering\"}, "
	      "\"query\": \"Hint: one decimal.\\nQuestion: What is v?\"},\n"
	      " \"2\": {\"question\": \"Which?\", \"image\": \"images/2.jpg\", \"choices\": [\"145\\u00b0\", \"90\"], "
	      "\"unit\": \"g\", \"precision\": null, \"answer\": \"90\", \"question_type\": \"multi_choice\", "
	      "\"answer_type\": \"text\", \"pid\": \"2\", \"metadata\": {\"task\": \"geometry\"}}\n}\n",
	      NULL,
	      "{\"id\":\"1\",\"image\":\"images/1.jpg\",\"question\":\"Hint: one decimal.\\nQuestion: What is v?\","
	      "\"answer\":\"1.2\",\"judge\":\"mathvista\",\"type\":\"textbook question answering\",\"precision\":1,"
	      "\"question_type\":\"free_form\",\"answer_type\":\"float\",\"metadata\":{\"split\":\"testmini\",\"task\":"
	      "\"textbook question answering\"},\"query\":\"Hint: one decimal.\\nQuestion: What is v?\"}\n"
	      "{\"id\":\"2\",\"image\":\"images/2.jpg\",\"question\":\"Which? (unit: g)\\nChoices:\\n(A) "
	      "145\\u00b0\\n(B) "
	      "90\",\"choices\":[\"145\\u00b0\",\"90\"],\"answer\":\"90\",\"judge\":\"mathvista\",\"type\":"
	      "\"geometry\","
	      "\"unit\":\"g\",\"question_type\":\"multi_choice\",\"answer_type\":\"text\",\"metadata\":{\"task\":"
	      "\"geometry\"}}");
}

/* ---- lists that meet through ids ---- */

#define VQA_HEAD                                                                                                       \
	"{\"info\": {\"version\": \"2.0\"}, \"task_type\": \"Open-Ended\", \"data_type\": \"mscoco\", \"license\": "   \
	"{}, "
static const char vqa_questions[] =
	VQA_HEAD "\"data_subtype\": \"val2014\", \"questions\": [{\"image_id\": 262148, \"question\": \"Where?\", "
		 "\"question_id\": "
		 "262148000}, {\"image_id\": 1, \"question\": \"How many?\", \"question_id\": 1001}]}";
static const char vqa_annotations[] = VQA_HEAD
	"\"annotations\": [{\"question_type\": \"how many\", \"multiple_choice_answer\": \"2\", \"answers\": "
	"[{\"answer\": "
	"\"2\", \"answer_confidence\": \"yes\", \"answer_id\": 1}], \"image_id\": 1, \"answer_type\": \"number\", "
	"\"question_id\": 1001}, {\"question_type\": \"where\", \"multiple_choice_answer\": \"down\", \"answers\": "
	"[{\"answer\": \"down\", \"answer_id\": 1}, {\"answer\": \"at table\", \"answer_id\": 2}], \"image_id\": "
	"262148, "
	"\"answer_type\": \"other\", \"question_id\": 262148000}]}";
static const char captions[] =
	"{\"info\": {}, \"images\": [{\"license\": 5, \"file_name\": \"COCO_val2014_000000000007.jpg\", \"id\": 7},\n"
	"{\"file_name\": \"b.jpg\", \"id\": 8, \"domain\": \"near-domain\"}], \"licenses\": [], \"annotations\": "
	"[{\"image_id\": 8, \"id\": 1, \"caption\": \"B one.\"}, {\"image_id\": 7, \"id\": 2, \"caption\": \"A.\"},\n"
	"{\"image_id\": 8, \"id\": 3, \"caption\": \"B \\u00e9.\"}]}";
#define ASK "\"question\":\"Describe this picture in one sentence.\""

static void test_joined(void)
{
	check("vqav2", "v2_OpenEnded_mscoco_val2014_questions.json", vqa_questions, vqa_annotations,
	      "{\"id\":262148000,\"image\":\"COCO_val2014_000000262148.jpg\",\"question\":\"Where?\",\"answers\":[{"
	      "\"answer\":\"down\",\"answer_id\":1},{\"answer\":\"at "
	      "table\",\"answer_id\":2}],\"type\":\"other\",\"judge\":"
	      "\"vqa\",\"answer_type\":\"other\",\"question_type\":\"where\",\"multiple_choice_answer\":\"down\","
	      "\"image_id\":262148}\n"
	      "{\"id\":1001,\"image\":\"COCO_val2014_000000000001.jpg\",\"question\":\"How "
	      "many?\",\"answers\":[{\"answer\":"
	      "\"2\",\"answer_confidence\":\"yes\",\"answer_id\":1}],\"type\":\"number\",\"judge\":\"vqa\",\"answer_"
	      "type\":"
	      "\"number\",\"question_type\":\"how many\",\"multiple_choice_answer\":\"2\",\"image_id\":1}");
	check("vqav2", "q.json",
	      "{\"data_subtype\": \"test-dev2015\", \"questions\": [{\"image_id\": 5, \"question\": \"Q\", "
	      "\"question_id\": 5}]}",
	      NULL,
	      "{\"id\":5,\"image\":\"COCO_test2015_000000000005.jpg\",\"question\":\"Q\",\"judge\":\"vqa\",\"image_"
	      "id\":5}");
	check("captions", "captions_val2014.json", captions, NULL,
	      "{\"id\":7,\"image\":\"COCO_val2014_000000000007.jpg\"," ASK ",\"answers\":[\"A.\"],\"license\":5}\n"
	      "{\"id\":8,\"image\":\"b.jpg\"," ASK
	      ",\"answers\":[\"B one.\",\"B \\u00e9.\"],\"domain\":\"near-domain\",\"type\":\"near-domain\"}");
	check("captions", "nocaps_test_image_info.json",
	      "{\"images\": [{\"id\": 0, \"file_name\": \"a.jpg\"}], \"info\": {}, \"licenses\": []}", NULL,
	      "{\"id\":0,\"image\":\"a.jpg\"," ASK "}");
	check("captions", "vizwiz.json",
	      "{\"info\": {}, \"images\": [{\"file_name\": \"VizWiz_val_00000000.jpg\", \"id\": 0}, {\"file_name\": "
	      "\"VizWiz_val_00000001.jpg\", \"id\": 1, \"text_detected\": true}], \"annotations\": [{\"caption\": "
	      "\"x\", "
	      "\"image_id\": 0, \"is_precanned\": true, \"is_rejected\": false, \"id\": 0}, {\"caption\": \"y\", "
	      "\"image_id\": 1, \"is_precanned\": false, \"is_rejected\": true, \"id\": 1}, {\"caption\": \"z\", "
	      "\"image_id\": 1, \"is_precanned\": false, \"is_rejected\": false, \"id\": 2}]}",
	      NULL,
	      "{\"id\":1,\"image\":\"VizWiz_val_00000001.jpg\"," ASK ",\"answers\":[\"z\"],\"text_detected\":true}");
	check("foil", "foilv1.0_test_2017.json",
	      "{\"info\": {}, \"images\": [{\"id\": 100, \"file_name\": \"COCO_val2014_000000000100.jpg\"}], "
	      "\"licenses\": "
	      "[], \"annotations\": [{\"image_id\": 100, \"caption\": \"A dog.\", \"foil\": false, \"foil_id\": 3, "
	      "\"foil_word\": \"ORIG\", \"id\": 9, \"target_word\": \"ORIG\"}, {\"image_id\": 100, \"caption\": \"A "
	      "cat.\", "
	      "\"foil\": true, \"foil_id\": 3, \"foil_word\": \"cat\", \"id\": 9, \"target_word\": \"dog\"}]}",
	      NULL,
	      "{\"id\":\"100/3/original\",\"image\":\"COCO_val2014_000000000100.jpg\",\"question\":\"Is this a correct "
	      "description of the picture: \\\"A dog.\\\"  Answer yes or "
	      "no.\",\"answer\":\"yes\",\"type\":\"original\",\"judge\":\"yesno\",\"image_id\":100,\"caption\":\"A "
	      "dog.\",\"foil\":false,\"foil_id\":3,\"foil_word\":\"ORIG\",\"target_word\":\"ORIG\"}\n"
	      "{\"id\":\"100/3/foil\",\"image\":\"COCO_val2014_000000000100.jpg\",\"question\":\"Is this a correct "
	      "description of the picture: \\\"A cat.\\\"  Answer yes or "
	      "no.\",\"answer\":\"no\",\"type\":\"foil\",\"judge\":\"yesno\",\"image_id\":100,\"caption\":\"A "
	      "cat.\",\"foil\":true,\"foil_id\":3,\"foil_word\":\"cat\",\"target_word\":\"dog\"}");
}

/* ---- what is refused, and every cut ---- */

static const struct {
	const char *text, *annotations, *ask, *says;
	enum ril_data_format format;
} bad[] = {
	{vqa_questions, "{\"annotations\": []}", NULL,
	 "d.json: line 1: questions 1: its question_id '262148000' is not in 'annotations'", RIL_DATA_ANY},
	{vqa_questions, "{\"annotations\": 7}", NULL, "a.json: 'annotations' is not a list", RIL_DATA_ANY},
	{vqa_questions, "{\"questions\": []}", NULL, "a.json: no list 'annotations'", RIL_DATA_ANY},
	{vqa_questions, "{\"annotations\": [{\"question_id\": 1},\n{\"question_id\": \"1\"}]}", NULL,
	 "a.json: line 2: annotations 2: question_id '1' twice", RIL_DATA_ANY},
	{"{\"questions\": []}", NULL, NULL, "d.json: no 'data_subtype'", RIL_DATA_ANY},
	{"{\"data_type\": \"abstract_v002\", \"questions\": []}", NULL, NULL, "its pictures are not COCO's",
	 RIL_DATA_ANY},
	{"{\"data_subtype\": \"v\", \"questions\": [{\"question_id\": 1}]}", NULL, NULL, "questions 1: no 'image_id'",
	 RIL_DATA_ANY},
	{"{\"data_subtype\": \"v\", \"questions\": [{\"question_id\": 1, \"image_id\": -1}]}", NULL, NULL,
	 "not a picture's number", RIL_DATA_ANY},
	{"{\"data_subtype\": \"v\", \"questions\": [{\"image_id\": 1, \"question\": \"Q\"}]}", NULL, NULL,
	 "no 'question_id'", RIL_DATA_ANY},
	{"{\"data_subtype\": \"v\", \"questions\": [7]}", NULL, NULL, "line 1: questions 1: not an object",
	 RIL_DATA_ANY},
	{"{\"data_subtype\": \"v\", \"questions\": [], \"questions\": []}", NULL, NULL, "'questions' twice",
	 RIL_DATA_ANY},
	{captions, "{}", NULL, "annotations are read beside", RIL_DATA_ANY},
	{"{\"id\":1,\"question\":\"Q\"}", NULL, "What?", "questions of their own", RIL_DATA_ANY},
	{"{\"images\": [], \"annotations\": [{\"image_id\": 1, \"caption\": \"x\"}]}", NULL, NULL,
	 "line 1: image_id '1' is not in 'images'", RIL_DATA_ANY},
	{"{\"images\": [{\"id\": 2, \"file_name\": \"a\"}], \"annotations\": [{\"image_id\": 1, \"caption\": "
	 "\"x\"}]}",
	 NULL, NULL, "its id '2' is not in 'annotations'", RIL_DATA_ANY},
	{"{\"images\": [{\"id\": 1}], \"annotations\": [{\"image_id\": 1, \"caption\": \"x\"}]}", NULL, NULL,
	 "images 1: no 'file_name'", RIL_DATA_ANY},
	{"{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"annotations\": [{\"image_id\": 1}]}", NULL, NULL,
	 "no 'caption'", RIL_DATA_ANY},
	{"{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"annotations\": [{\"image_id\": 1, \"caption\": "
	 "\"x\", \"foil\": 1, \"foil_id\": 2}]}",
	 NULL, NULL, "'foil' is neither", RIL_DATA_ANY},
	{"{\"images\": [], \"annotations\": [{\"image_id\": 1, \"caption\": \"x\", \"foil\": true}]}", NULL, NULL,
	 "its image_id '1' is not in 'images'", RIL_DATA_ANY},
	{"{\"images\": [], \"annotations\": [{\"image_id\": 1, \"caption\": \"x\", \"foil\": true}]}", NULL, "True?",
	 "needs {caption}", RIL_DATA_ANY},
	{"{\"imgname\": \"\", \"query\": \"Q\", \"label\": 1}", NULL, NULL, "'imgname' is no picture's name",
	 RIL_DATA_ANY},
	{"{\"id\": 1}", NULL, NULL, "no 'query'", RIL_DATA_CHARTQA},
	{"{\"question_id\": 1, \"id\": 2, \"image\": \"a\", \"text\": \"Q\"}", NULL, NULL,
	 "both 'question_id' and 'id'", RIL_DATA_POPE},
	{"[{\"question_id\": 1}]", NULL, NULL, "one object with lists in it", RIL_DATA_FOIL},
	{"{\"question_id\": 1}", NULL, NULL, "d.json: no 'data_subtype'", RIL_DATA_VQAV2},
	{"{\"dataset_name\": \"x\", \"data\": [{\"questionId\": 1, \"docId\": 2},\n7]}", NULL, NULL,
	 "line 1: no 'question'", RIL_DATA_ANY},
	{"{\"1\": {\"pid\": \"1\", \"question\": \"Q\", \"image\": \"a\", \"choices\": [1], \"question_type\": "
	 "\"\", \"answer_type\": \"\", \"metadata\": {}}}",
	 NULL, NULL, "a choice is not text", RIL_DATA_ANY},
#define OPTIONS(TEXT) "{\"id\":\"x\",\"question\":\"Q\",\"options\":" TEXT "}"
	{OPTIONS("\"['a'\""), NULL, NULL, "'options': not a list of texts as Python prints it", RIL_DATA_MMMU},
	{OPTIONS("\"['a', 7]\""), NULL, NULL, "'options': not a list of texts", RIL_DATA_MMMU},
	{OPTIONS("\"['a'] + x\""), NULL, NULL, "'options': not a list of texts", RIL_DATA_MMMU},
	{OPTIONS("\"['a\""), NULL, NULL, "'options': a text without its end", RIL_DATA_MMMU},
	{OPTIONS("\"['\\\\x4']\""), NULL, NULL, "'options': an escape that is not read", RIL_DATA_MMMU},
	{OPTIONS("\"['\\\\ud800']\""), NULL, NULL, "'options': an escape that is not read", RIL_DATA_MMMU},
	{OPTIONS("\"['\\\\\""), NULL, NULL, "'options': an escape that is not read", RIL_DATA_MMMU},
	{OPTIONS("\"[]\""), NULL, NULL, "a multiple choice without options", RIL_DATA_MMMU},
	{OPTIONS("\"none\""), NULL, NULL, "a multiple choice without options", RIL_DATA_MMMU},
	{OPTIONS("[7]"), NULL, NULL, "an option is not text", RIL_DATA_MMMU},
	{"{\"id\":\"x\",\"question\":\"<image 1>\",\"options\":[\"a\"]}", NULL, NULL, "<image 1>, and no such picture",
	 RIL_DATA_MMMU},
	{"{\"id\":\"x\",\"question\":7,\"options\":[\"a\"]}", NULL, NULL, "'question' is not text", RIL_DATA_MMMU},
};

static void test_refused(void)
{
	struct ril_dataset d;
	struct ril_err e;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct ril_data_source from = {
			.path = put(bad[i].text),
			.annotations = bad[i].annotations ? put_as("a.json", bad[i].annotations) : NULL,
			.ask = bad[i].ask,
			.format = bad[i].format};
		CHECK(load(&d, &from, &e) && strstr(e.msg, bad[i].says) && strstr(e.msg, ".json: "), "%zu: %s", i,
		      e.msg);
	}
	static const char *const wholes[] = {captions, vqa_questions};
	for (int k = 0; k < 2; k++)
		for (size_t n = 1; n < strlen(wholes[k]); n++) {
			char cut[1024];
			snprintf(cut, sizeof cut, "%.*s", (int)n, wholes[k]);
			const struct ril_data_source from = {.path = put(cut),
							     .format = k ? RIL_DATA_VQAV2 : RIL_DATA_CAPTIONS};
			CHECK(load(&d, &from, &e) && e.code == RIL_ECORRUPT, "%d cut at %zu: %s", k, n, e.msg);
		}
}

static void count(void *ctx, const struct ril_err *why)
{
	size_t *n = ctx;
	*n += strstr(why->msg, "d.json: ") == why->msg + strlen(why->msg) - strlen(strstr(why->msg, "d.json: "));
}

/* Looked through, a file tells all of its faults, and keeps what is good; what is asked may be said. */
static void test_looked_through(void)
{
	struct ril_dataset d;
	struct ril_err e;
	size_t faults = 0;
	struct ril_data_source from = {.path = put("{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 2}, 3, "
						   "{\"id\": 4, \"file_name\": \"b\"}], "
						   "\"annotations\": [{\"image_id\": 1, \"caption\": \"x\"}, "
						   "{\"image_id\": 2, \"caption\": \"x\"}]}"),
				       .ask = "What is here?",
				       .fault = count,
				       .ctx = &faults};
	CHECK(!load(&d, &from, &e) && d.n == 1 && faults == 3, "%zu faults, %zu good, %s", faults, d.n, e.msg);
	CHECK(d.n == 1 && !strcmp(field(d.at, "question"), "\"What is here?\""), "what is asked");
	ril_dataset_free(&d);
}

int main(void)
{
	test_names();
	test_records();
	test_mmmu();
	test_lists();
	test_joined();
	test_refused();
	test_looked_through();
	data_end();
	TEST_END();
}
