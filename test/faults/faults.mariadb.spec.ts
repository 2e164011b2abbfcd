import { DIALECTS } from './faults';
import { describeFaults } from './throughout';

DIALECTS.filter(({ type }) => type === 'mariadb').forEach(describeFaults);
