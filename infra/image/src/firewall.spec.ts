import { leftovers } from './check/firewall.js';

const BEFORE = ['-P INPUT ACCEPT', '-P FORWARD ACCEPT', '-N MINE', '-A FORWARD -j MINE'];

describe('what an engine that has stopped leaves in the packet rules', () => {
  it('is nothing where nothing changed', () => {
    expect(leftovers(BEFORE, BEFORE)).toEqual([]);
  });

  it('is undone from the outside in: policy, jumps, rules, chains', () => {
    const after = ['-P INPUT ACCEPT', '-P FORWARD DROP', '-N MINE', '-N DOCKER', '-N DOCKER-USER', '-A FORWARD -j DOCKER-USER', '-A FORWARD -j MINE', '-A DOCKER-USER -j RETURN'];
    expect(leftovers(BEFORE, after)).toEqual([['-P', 'FORWARD', 'ACCEPT'], ['-D', 'FORWARD', '-j', 'DOCKER-USER'], ['-F', 'DOCKER'], ['-F', 'DOCKER-USER'], ['-X', 'DOCKER'], ['-X', 'DOCKER-USER']]);
  });

  it('never is what was there before, nor what others added meanwhile', () => {
    const before = [...BEFORE, '-N DOCKER', '-A FORWARD -j DOCKER'];
    expect(leftovers(before, [...before, '-N THEIRS', '-A INPUT -j THEIRS'])).toEqual([]);
  });
});
