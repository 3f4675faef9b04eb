// [tokens.<name>]: credentials that change, each from a command or a file.
import { optionalText, seconds, strings } from '../schema.ts';

export const token = {
  command: strings(
    'Program and arguments that print the token; run without a shell, `~` at the beginning of an argument is the home folder.',
  ),
  file: optionalText('File that holds the token, instead of a command.'),
  pointer: optionalText(
    'JSON pointer to the token in that file, e.g. "/claudeAiOauth/accessToken"; unset = all of it.',
  ),
  hosts: strings('Hosts that may be sent the token, as they stand in base URLs.'),
  user_agent: optionalText("User-Agent of requests that carry the token; unset = the client's."),
  refresh_secs: seconds(
    'Seconds after which the token is read again; it is also read when an upstream refuses it.',
    600,
  ),
};
