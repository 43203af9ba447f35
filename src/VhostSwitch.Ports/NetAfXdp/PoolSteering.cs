using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// Gives each pool of vmdq mode one of the port's queues, by a rule in the interface: a queue of its own while there are enough, then the queue
/// with the fewest. Not yet run on hardware.
/// </summary>
/// <param name="ethtool">Who talks to the interface's driver.</param>
/// <param name="interfaceName">The interface.</param>
/// <param name="firstQueue">The first of the port's queues.</param>
/// <param name="queueCount">How many queues the port has.</param>
public sealed class PoolSteering(Ethtool ethtool, string interfaceName, int firstQueue, int queueCount)
{
    private readonly FlowSteering _flows = new(ethtool);
    private readonly Dictionary<Pool, (uint Rule, int Queue)> _rules = [];

    /// <summary>Makes and removes rules until there is one for each pool. What was refused is tried again with every call.</summary>
    /// <param name="pools">The pools there are.</param>
    public Steering Follow(IReadOnlyCollection<Pool> pools)
    {
        if (_flows.WhyNot(interfaceName) is { } reason) return new Steering(false, reason);
        string? refused = null;
        foreach (var gone in _rules.Keys.Except(pools).ToArray())
            refused ??= Remove(gone);
        foreach (var pool in pools.Where(pool => !_rules.ContainsKey(pool)))
        {
            int queue = LeastUsed();
            if (_flows.TryAddMacVlanFilter(interfaceName, pool.Address, pool.Vlan, queue, out uint rule) is { } why)
            {
                // A table that is full, a right that is missing: the next pool would meet with the same.
                refused = why;
                break;
            }
            _rules.Add(pool, (rule, queue));
        }
        string done = $"{interfaceName} sorts for {_rules.Count} of {pools.Count} pools into {queueCount} {(queueCount == 1 ? "queue" : "queues")}";
        return refused is null ? new Steering(true, done) : new Steering(false, $"{done}; {refused}");
    }

    /// <summary>Removes all rules. Those of an interface that is gone went with it.</summary>
    public void Clear()
    {
        foreach (var pool in _rules.Keys.ToArray())
            Remove(pool);
    }

    private string? Remove(Pool pool)
    {
        _rules.Remove(pool, out var entry);
        return _flows.RemoveFilter(interfaceName, entry.Rule);
    }

    private int LeastUsed() => Enumerable.Range(firstQueue, queueCount).MinBy(queue => _rules.Values.Count(rule => rule.Queue == queue));
}
