using System.CommandLine;
using VhostSwitch.Bench.Micro;
using VhostSwitch.Bench.Paths;
using VhostSwitch.Linux;
using VhostSwitch.Vhost.Net;

(string Name, GuestQueueFactory Factory)[] copies =
[
    ("as shipped", GuestQueueFactory.Default),
    ("runtime's copy", new GuestQueueFactory.Of<RuntimeCopy>()),
    ("64 bytes at a time", new GuestQueueFactory.Of<WideCopy>()),
    ("byte by byte", new GuestQueueFactory.Of<ByteCopy>()),
];
var rounds = new Option<int>("--rounds") { Description = "How often each is measured, by turns.", DefaultValueFactory = _ => 3 };
var seconds = new Option<double>("--seconds") { Description = "How long each measurement takes, in seconds.", DefaultValueFactory = _ => 1 };
var size = new Option<int>("--size") { Description = "Bytes of a frame, 60 to 1518.", DefaultValueFactory = _ => 64 };
var packed = new Option<bool>("--packed") { Description = "Packed rings." };
var inOrder = new Option<bool>("--in-order") { Description = "Buffers used in order." };
var addresses = new Option<int>("--addresses") { Description = "MAC addresses of each guest, used in turn.", DefaultValueFactory = _ => 1 };
var ports = new Option<int>("--ports") { Description = "Ports: two carry frames, the others have a guest that is idle.", DefaultValueFactory = _ => 2 };
var root = new RootCommand(
    """
    Nanoseconds that a pass of the switch takes for a frame, with guests on the same thread, so that no cache line comes from another core: the shipped
    data path, and ways to copy that lost against it. What else was tried is in docs/performance/variants.md with its figures.
    """)
{ rounds, seconds, size, packed, inOrder, addresses, ports };
root.SetAction(result =>
{
    CpuAffinity.Pin(0);
    var settings = new Settings(FrameMix.Of(result.GetValue(size)), false, result.GetValue(packed), result.GetValue(inOrder), 0, 0)
    {
        Addresses = result.GetValue(addresses), Ports = result.GetValue(ports),
    };
    var costs = copies.ToDictionary(copy => copy.Name, _ => new List<double>());
    for (int round = 0; round < result.GetValue(rounds); round++)
    {
        foreach (var (name, factory) in copies)
        {
            using var pass = new Pass(factory, settings);
            costs[name].Add(pass.Measure(TimeSpan.FromSeconds(result.GetValue(seconds))));
        }
    }
    Console.WriteLine($"{settings.Ring}, {settings.Frames.Name}{settings.Unusual}, nanoseconds a frame: median (least to most) of {result.GetValue(rounds)}");
    foreach (var (name, samples) in costs)
    {
        samples.Sort();
        Console.WriteLine($"  {name,-20} {samples[samples.Count / 2],6:F1} ({samples[0]:F1} to {samples[^1]:F1})");
    }
});
return root.Parse(args).Invoke();
