using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

/// <summary>Devices of a switch whose control thread runs and looks after them many times a second. Frames go to every other device.</summary>
internal sealed class PortRig : IDisposable
{
    private readonly LoopThread _control = new();
    private readonly List<PortDevice> _devices = [];

    public PortRig(int threads = 1)
    {
        Plane = new DataPlane([.. Enumerable.Repeat(-1, threads)], new EveryoneForwarder(), new RetryPolicy(200, 100), IdlePolicy.Adaptive);
        Context = new PortContext(_control.Loop, Plane, new FrameMemory(0));
        _control.Do(() => _control.Loop.Every(TimeSpan.FromMilliseconds(20), () => _devices.ForEach(d => d.Check())));
    }

    public DataPlane Plane { get; }

    public PortContext Context { get; }

    /// <summary>What the devices told people, in order.</summary>
    public List<string> Notes { get; } = [];

    public PortDevice Add(string vdev) => _control.Ask(() =>
    {
        var parsed = Vdev.Parse(vdev, PortDrivers.All);
        var device = parsed.Driver.Create(parsed, Context);
        device.Noted += Notes.Add;
        try
        {
            device.Start();
        }
        catch
        {
            device.Dispose();
            throw;
        }
        _devices.Add(device);
        return device;
    });

    public void Remove(PortDevice device) => _control.Do(() =>
    {
        _devices.Remove(device);
        device.Dispose();
    });

    public T Ask<T>(Func<T> question) => _control.Ask(question);

    public void WaitFor(PortDevice device, string status)
    {
        if (!Until.TryTrue(() => Ask(() => device.Status).Contains(status, StringComparison.Ordinal)))
            Assert.Fail($"awaited '{status}', and it is '{Ask(() => device.Status)}'");
    }

    public static unsafe ulong Dropped(PortDevice device, DropReason reason) =>
        device.InputCounters[0].Counters->Drops(reason) + device.OutputCounters[0].Counters->Drops(reason);

    public static unsafe ulong Given(PortDevice device) => device.InputCounters.Values.Aggregate(0ul, (sum, c) => sum + c.Counters->Frames);

    public static unsafe ulong Sent(PortDevice device) => device.OutputCounters.Values.Aggregate(0ul, (sum, c) => sum + c.Counters->Frames);

    public void Dispose()
    {
        foreach (var device in _devices.ToArray())
            Remove(device);
        _control.Dispose();
        Plane.Dispose();
        Assert.Null(_control.Failure);
    }

    private sealed unsafe class EveryoneForwarder : Forwarder
    {
        public override void Decide(Burst burst, ushort source)
        {
            for (int i = 0; i < burst.Count; i++)
            {
                if (burst.Frames[i].Output == Frame.Undecided) burst.Frames[i].Output = Frame.Flood;
            }
        }

        public override void Forget(ushort id)
        {
        }
    }
}
