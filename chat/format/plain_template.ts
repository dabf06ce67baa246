/** A chat template for models that have none. @module */

/**
 * Conversations in words that any tokenizer has, one turn per line: `User: Hi`, then `Assistant:
 * Hello.` followed by the token that ends texts.
 */
export const plainTemplate: string = "{{ bos_token if bos_token != eos_token else '' }}" +
  "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}" +
  "{{ eos_token if message.role == 'assistant' else '' }}\n{% endfor %}" +
  "{% if add_generation_prompt %}Assistant:{% endif %}";
