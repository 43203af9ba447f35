// Makes an interface of the kernel for each network interface named, with its address: virtio_user0 for the first, virtio_user1 for the second, …
// What the kernel sends by one leaves by the other, and what comes in there the kernel receives. Needs root and the module vhost_net.
//   dotnet run -c Release --project samples/exception-path -- eth1 eth2
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Ports;

// A shell that starts a program in the background has it ignore Ctrl-C.
SignalDisposition.HearInterrupt();
var loop = new EventLoop();
var partners = new Partners();
using var dataPlane = new DataPlane([-1], partners, RetryPolicy.Default, IdlePolicy.Adaptive);
using var ports = new PortRegistry(new PortContext(loop, dataPlane, new FrameMemory(hugePageSize: 0)));
ports.Noted += (device, text) => Console.WriteLine($"{device.Vdev.Name}: {text}");
loop.Every(TimeSpan.FromSeconds(1), ports.Check);
loop.Start("control");
using var stop = new ManualResetEventSlim();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Set();
};

for (int i = 0; i < args.Length; i++)
{
    var nic = ports.Add($"net_af_packet{i}", $"iface={args[i]}");
    var kernel = ports.Add($"virtio_user{i}", $"path=/dev/vhost-net,queues=1,queue_size=1024,iface=virtio_user{i},mac={nic.Address}");
    partners.Join(nic.Port, kernel.Port);
    Console.WriteLine($"{args[i]} is virtio_user{i}, {nic.Address}");
}
stop.Wait();

// A frame that came in by one port of a couple leaves by the other.
internal sealed unsafe class Partners : Forwarder
{
    private readonly ushort[] _partnerOf = new ushort[Topology.MaxPorts];

    public Partners() => Array.Fill(_partnerOf, Frame.DroppedFor(DropReason.UnknownDestination));

    public void Join(Port one, Port other)
    {
        Volatile.Write(ref _partnerOf[one.Id], other.Id);
        Volatile.Write(ref _partnerOf[other.Id], one.Id);
    }

    public override void Decide(Burst burst, ushort source)
    {
        ushort output = Volatile.Read(ref _partnerOf[source]);
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Frames[i].Output == Frame.Undecided) burst.Frames[i].Output = output;
        }
    }

    public override void Forget(ushort id) => _partnerOf[id] = Frame.DroppedFor(DropReason.UnknownDestination);
}
