/* Short names for the contract's types. provider.h is generated from wit/provider.wit when the plugin is built, and
 * carries the contract's documentation; its own names hold the path of each type, which no line of code has room for.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "provider.h"

/* UTF-8 with a length; not ended by a zero. The host gives only valid UTF-8 and takes nothing else. */
typedef provider_string_t Str;

typedef arete_provider_llm_request_t Request;
typedef arete_provider_llm_message_t Message;
typedef arete_provider_llm_part_t Part;
typedef arete_provider_llm_text_t Text;
typedef arete_provider_llm_image_t Image;
typedef arete_provider_llm_tool_use_t ToolUse;
typedef arete_provider_llm_tool_result_t ToolResult;
typedef arete_provider_llm_result_part_t ResultPart;
typedef arete_provider_llm_thinking_t Thinking;
typedef arete_provider_llm_other_part_t OtherPart;
typedef arete_provider_llm_tool_t Tool;
typedef arete_provider_llm_option_json_t OptionJson;

typedef arete_provider_llm_completion_t Completion;
typedef arete_provider_llm_finish_reason_t FinishReason;
typedef arete_provider_llm_usage_t Usage;
typedef arete_provider_llm_event_t Event;
typedef arete_provider_llm_delta_t Delta;
typedef exports_arete_provider_chat_list_delta_t DeltaList;

typedef arete_provider_llm_provider_error_t Error;

enum {
    INVALID_REQUEST = ARETE_PROVIDER_LLM_ERROR_KIND_INVALID_REQUEST,
    UNSUPPORTED = ARETE_PROVIDER_LLM_ERROR_KIND_UNSUPPORTED,
    CREDENTIALS = ARETE_PROVIDER_LLM_ERROR_KIND_CREDENTIALS,
    BILLING = ARETE_PROVIDER_LLM_ERROR_KIND_BILLING,
    NOT_FOUND = ARETE_PROVIDER_LLM_ERROR_KIND_NOT_FOUND,
    TOO_LARGE = ARETE_PROVIDER_LLM_ERROR_KIND_TOO_LARGE,
    RATE_LIMITED = ARETE_PROVIDER_LLM_ERROR_KIND_RATE_LIMITED,
    OVERLOADED = ARETE_PROVIDER_LLM_ERROR_KIND_OVERLOADED,
    VENDOR_FAILED = ARETE_PROVIDER_LLM_ERROR_KIND_VENDOR_FAILED,
    TIMED_OUT = ARETE_PROVIDER_LLM_ERROR_KIND_TIMEOUT,
    CONNECTION = ARETE_PROVIDER_LLM_ERROR_KIND_CONNECTION,
    INTERRUPTED = ARETE_PROVIDER_LLM_ERROR_KIND_INTERRUPTED,
    BAD_RESPONSE = ARETE_PROVIDER_LLM_ERROR_KIND_BAD_RESPONSE,
    DENIED = ARETE_PROVIDER_LLM_ERROR_KIND_DENIED,
    UNCONFIGURED = ARETE_PROVIDER_LLM_ERROR_KIND_UNCONFIGURED,
    OTHER_FAILURE = ARETE_PROVIDER_LLM_ERROR_KIND_OTHER,
};

#endif
