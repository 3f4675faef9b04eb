import { expect } from 'chai';
import { createInspectionBudget } from '#services/gateway/inspection-budget.ts';

describe('the budget for reading requests', () => {
  it('reads every request of a person', () => {
    const budget = createInspectionBudget();
    for (let second = 0; second < 100; second++) {
      expect(budget.isWorthReading('same', second * 1000), `second ${second}`).to.equal(true);
    }
  });

  it('reads of many alike two a second', () => {
    const budget = createInspectionBudget();
    for (let n = 0; n < 1000; n++) budget.isWorthReading('same', 1000);
    let read = 0;
    for (let ms = 0; ms < 10_000; ms += 2) if (budget.isWorthReading('same', 1000 + ms)) read++;
    expect(read).to.be.within(18, 21);
  });

  it('reads a shape it has not seen, however many others there are', () => {
    const budget = createInspectionBudget();
    for (let n = 0; n < 100; n++) budget.isWorthReading('same', 0);
    expect(budget.isWorthReading('same', 0)).to.equal(false);
    for (let n = 0; n < 4; n++) expect(budget.isWorthReading('other', 0)).to.equal(true);
    expect(budget.isWorthReading('other', 0)).to.equal(false);
  });

  it('remembers a bounded number of shapes', () => {
    const budget = createInspectionBudget();
    let read = 0;
    for (let n = 0; n < 5000; n++) if (budget.isWorthReading(`shape ${n}`, 0)) read++;
    expect(read).to.be.within(1024, 1044);
  });
});
