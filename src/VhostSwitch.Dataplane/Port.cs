namespace VhostSwitch.Dataplane;

/// <summary>
/// A place where frames enter and leave the switch: what the user configured, with a name and a status. It outlives what is
/// connected to it; its queues come and go with that.
/// </summary>
public sealed class Port
{
    private OutputQueue[] _outputs = [];
    private InputQueue[] _inputs = [];

    /// <summary>Makes a port that is not attached to a data plane.</summary>
    /// <param name="name">The name people know it by.</param>
    public Port(string name) => Name = name;

    /// <summary>The name people know it by.</summary>
    public string Name { get; }

    /// <summary>The port's number in its data plane; free for another port once this one is detached.</summary>
    public ushort Id { get; internal set; }

    /// <summary>
    /// True to have TCP segments of one flow merged into large ones before they leave by this port, where the receiver takes those.
    /// Set it before the port is attached.
    /// </summary>
    public bool MergesSegments { get; set; }

    /// <summary>
    /// How often frames for a full queue of this port are tried again before they are dropped; null for <see cref="RetryPolicy.Tries"/>. Without
    /// effect where that is 0.
    /// </summary>
    public int? Retries
    {
        get;
        set
        {
            field = value;
            foreach (var output in Outputs)
                output.Retries = value ?? OutputQueue.DefaultRetries;
        }
    }

    /// <summary>The queues by which frames leave, replaced whole; empty while the port is down.</summary>
    public ReadOnlySpan<OutputQueue> Outputs => Volatile.Read(ref _outputs);

    /// <summary>The queues from which frames come in, replaced whole.</summary>
    public ReadOnlySpan<InputQueue> Inputs => Volatile.Read(ref _inputs);

    /// <summary>Replaces the queues. The data plane's <see cref="PortHost.SetQueues"/> calls it and then waits for the poll threads.</summary>
    internal void Replace(InputQueue[] inputs, OutputQueue[] outputs)
    {
        foreach (var output in outputs)
            output.Retries = Retries ?? OutputQueue.DefaultRetries;
        Volatile.Write(ref _inputs, inputs);
        Volatile.Write(ref _outputs, outputs);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
