using VhostSwitch.Dataplane;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports.Tests;

/// <summary>Devices as the switch makes them, with frames from one port sent to another that the test names.</summary>
internal sealed class DeviceRig : IDisposable
{
    private readonly WireForwarder _wires = new();
    private readonly EventLoop _loop = new();
    private readonly List<PortDevice> _devices = [];

    public DeviceRig(int threads = 1, RetryPolicy? retry = null)
    {
        Plane = new DataPlane([.. Enumerable.Repeat(-1, threads)], _wires, retry ?? new RetryPolicy(50, 100), IdlePolicy.Adaptive);
        Context = new PortContext(_loop, Plane, new FrameMemory(0));
    }

    public DataPlane Plane { get; }

    public PortContext Context { get; }

    /// <summary>What the devices told people.</summary>
    public List<string> Notes { get; } = [];

    public PortDevice Make(string vdev)
    {
        var parsed = Vdev.Parse(vdev, PortDrivers.All);
        var device = parsed.Driver.Create(parsed, Context);
        device.Noted += Notes.Add;
        return device;
    }

    public PortDevice Add(string vdev)
    {
        var device = Make(vdev);
        _devices.Add(device);
        device.Start();
        return device;
    }

    public void Remove(PortDevice device)
    {
        _devices.Remove(device);
        device.Dispose();
    }

    /// <summary>Sends the frames of one device by the other.</summary>
    public void Wire(PortDevice from, PortDevice to) => _wires.To[from.Port.Id] = to.Port.Id;

    public void Check()
    {
        foreach (var device in _devices)
            device.Check();
    }

    public static unsafe ulong Sent(PortDevice device) => device.OutputCounters[0].Counters->Frames;

    public static unsafe ulong Given(PortDevice device) => device.InputCounters[0].Counters->Frames;

    public static unsafe ulong Drops(PortDevice device, DropReason reason) => device.OutputCounters[0].Counters->Drops(reason);

    public void Dispose()
    {
        foreach (var device in _devices)
            device.Dispose();
        Plane.Dispose();
        _loop.Dispose();
    }

    private sealed unsafe class WireForwarder : Forwarder
    {
        public readonly Dictionary<ushort, ushort> To = [];

        public override void Decide(Burst burst, ushort source)
        {
            ushort output = To.TryGetValue(source, out ushort port) ? port : Frame.Flood;
            for (int i = 0; i < burst.Count; i++)
            {
                if (burst.Frames[i].Output == Frame.Undecided) burst.Frames[i].Output = output;
            }
        }

        public override void Forget(ushort id)
        {
        }
    }
}
