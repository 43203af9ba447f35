namespace VhostSwitch.Dataplane;

/// <summary>
/// Where ports are attached: gives them ids, has threads of its own poll their queues, and knows when no thread uses a queue any more. The
/// control thread alone calls it.
/// </summary>
public abstract class PortHost
{
    /// <summary>The attached ports.</summary>
    public Topology Topology { get; private set; } = Topology.Empty;

    /// <summary>True where inputs are polled only as long as somebody wants their frames, so that one which has few of them need not wait.</summary>
    public virtual bool PollsOnDemand => false;

    /// <summary>Adds a port and gives it an id.</summary>
    /// <param name="port">A port that is not attached.</param>
    /// <exception cref="InvalidOperationException">There are <see cref="Topology.MaxPorts"/> ports already.</exception>
    public void Attach(Port port)
    {
        Topology = Topology.With(port);
        PortsChanged();
    }

    /// <summary>Takes a port away with its queues.</summary>
    /// <param name="port">An attached port.</param>
    public virtual void Detach(Port port)
    {
        SetQueues(port, [], []);
        Topology = Topology.Without(port);
        PortsChanged();
        WaitForThreads();
    }

    /// <summary>Replaces a port's queues. On return no poll thread uses a queue that is not among the new ones.</summary>
    /// <param name="port">An attached port.</param>
    /// <param name="inputs">The queues to poll.</param>
    /// <param name="outputs">The queues to send by, in the order of their pairs.</param>
    public void SetQueues(Port port, InputQueue[] inputs, OutputQueue[] outputs)
    {
        Precompilation.Compile([.. inputs.Select(queue => queue.GetType()), .. outputs.Select(queue => queue.GetType())]);
        var before = port.Inputs.ToArray();
        port.Replace(inputs, outputs);
        InputQueue[] added = [.. inputs.Except(before)];
        foreach (var queue in added)
            queue.PortId = port.Id;
        QueuesChanged([.. before.Except(inputs)], added);
        WaitForThreads();
    }

    /// <summary>Waits until every poll thread has let go of what was published before.</summary>
    /// <exception cref="InvalidOperationException">A poll thread does not come round: a fault of this program or of its host.</exception>
    public abstract void WaitForThreads();

    /// <summary>Shows the threads that <see cref="Topology"/> is another one.</summary>
    protected virtual void PortsChanged()
    {
    }

    /// <summary>Shows the threads that a port has other queues, which <see cref="Port.Inputs"/> and <see cref="Port.Outputs"/> already say.</summary>
    /// <param name="removed">Inputs that nobody may poll any more.</param>
    /// <param name="added">Inputs to be polled from now on.</param>
    protected abstract void QueuesChanged(InputQueue[] removed, InputQueue[] added);
}
