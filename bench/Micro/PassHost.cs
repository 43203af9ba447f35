using VhostSwitch.Dataplane;

namespace VhostSwitch.Bench.Micro;

/// <summary>The ports of a switch that has no poll thread of its own: a pass is made by whoever measures it.</summary>
internal sealed class PassHost : PortHost
{
    private readonly Lock _lock = new();
    private InputQueue[] _inputs = [];

    /// <summary>The queues to poll. They stay as they are once the guests are connected.</summary>
    public InputQueue[] Inputs
    {
        get
        {
            lock (_lock) return _inputs;
        }
    }

    /// <inheritdoc/>
    public override void WaitForThreads()
    {
        // Nobody polls while guests come and go.
    }

    /// <inheritdoc/>
    protected override void QueuesChanged(InputQueue[] removed, InputQueue[] added)
    {
        lock (_lock) _inputs = [.. _inputs.Except(removed), .. added];
    }
}
