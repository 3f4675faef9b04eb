// A request for a model that sees no images: each becomes a text in its place, or is refused by name. Pure.
import type { ContentBlock, MessageParam, MessagesRequest } from '#shared/wire/anthropic.ts';
import { invalid, isFields } from './fields.ts';
import type { Target } from './target.ts';

const NO_IMAGE = '[image omitted: model has no vision]';

/** Images of tool results too. @throws GatewayError 400 that names the image, where `vision` is strict */
export function withoutImages(request: MessagesRequest, vision: Target['vision'], notes: string[]): MessagesRequest {
  let images = 0;
  const hide = (content: unknown, at: string): unknown => {
    if (!Array.isArray(content)) return content;
    return content.map((block: unknown, index) => {
      if (!isFields(block)) return block;
      const place = `${at}[${index}]`;
      if (block.type === 'tool_result') return { ...block, content: hide(block.content, `${place}.content`) };
      if (block.type !== 'image') return block;
      if (vision === 'strict') throw invalid(`image at ${place}: the model has no vision`);
      images++;
      const { source: _, ...rest } = block;
      return { ...rest, type: 'text', text: NO_IMAGE };
    });
  };
  if (!Array.isArray(request.messages)) return request;
  const messages = request.messages.map((message: MessageParam, index) => {
    if (!isFields(message)) return message;
    return { ...message, content: hide(message.content, `messages[${index}].content`) as string | ContentBlock[] };
  });
  if (images === 0) return request;
  notes.push(`image-omitted:${images}`);
  return { ...request, messages };
}
