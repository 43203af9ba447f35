using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>A data plane with some ports of one input and one output each.</summary>
internal sealed class Rig : IDisposable
{
    public Rig(Func<ushort, ushort> script, int ports, int threads = 1, RetryPolicy? retry = null, IdlePolicy idle = IdlePolicy.Adaptive, bool merges = false)
    {
        Forwarder = new ScriptedForwarder(script);
        Plane = new DataPlane([.. Enumerable.Repeat(-1, threads)], Forwarder, retry ?? new RetryPolicy(0, 0), idle);
        for (int i = 0; i < ports; i++)
        {
            Ports.Add(new Port($"port{i}") { MergesSegments = merges });
            Plane.Attach(Ports[i]);
        }
    }

    public ScriptedForwarder Forwarder { get; }

    public DataPlane Plane { get; }

    public List<Port> Ports { get; } = [];

    public List<FakeInput> Inputs { get; } = [];

    public List<FakeOutput> Outputs { get; } = [];

    public FakeInput Input(int port, FakeInput input)
    {
        Inputs.Add(input);
        Plane.SetQueues(Ports[port], [.. Ports[port].Inputs, input], Ports[port].Outputs.ToArray());
        return input;
    }

    public FakeOutput Output(int port, FakeOutput output)
    {
        Outputs.Add(output);
        Plane.SetQueues(Ports[port], Ports[port].Inputs.ToArray(), [.. Ports[port].Outputs, output]);
        return output;
    }

    /// <summary>Has an input lend so many frames, and waits until it has them back and no receiver is waited for.</summary>
    public void Run(FakeInput input, int frames)
    {
        Lend(input, frames);
        UntilNobodyWaits();
        Plane.WaitForThreads();
    }

    /// <summary>Waits until no receiver is waited for.</summary>
    public void UntilNobodyWaits() => Until.True(() => Plane.Threads.All(t => t.Waiting == 0), "nobody waits");

    /// <summary>Has an input lend so many frames, and waits until it has them back.</summary>
    public void Lend(FakeInput input, int frames)
    {
        unsafe
        {
            ulong until = input.Counters->Frames + (ulong)frames;
            input.Give(frames);
            if (input.KickDescriptor >= 0) input.Kick();
            Until.True(() => input.Counters->Frames >= until && Volatile.Read(ref input.OnLoan) == 0, "all frames back");
        }
    }

    public void Dispose()
    {
        foreach (var port in Ports)
            Plane.SetQueues(port, [], []);
        Plane.Dispose();
        foreach (var violation in Inputs.Select(q => q.Violation).Concat(Outputs.Select(q => q.Violation)))
            Assert.Null(violation);
        Inputs.ForEach(q => q.Dispose());
        Outputs.ForEach(q => q.Dispose());
    }
}
