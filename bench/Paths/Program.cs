using System.CommandLine;
using VhostSwitch.Bench.Paths;

var rounds = new Option<int>("--rounds") { Description = "How often every contender is measured.", DefaultValueFactory = _ => 5 };
var seconds = new Option<double>("--seconds") { Description = "How long each measurement takes, in seconds.", DefaultValueFactory = _ => 4 };
var size = new Option<int>("--size") { Description = "The frames' length in bytes.", DefaultValueFactory = _ => 64 };
var mergeable = new Option<bool>("--mergeable") { Description = "Mergeable receive buffers, which is not this switch's default." };
var packed = new Option<bool>("--packed") { Description = "Packed rings." };
var inOrder = new Option<bool>("--in-order") { Description = "Buffers used in order." };
var output = new Option<DirectoryInfo?>("--output") { Description = "A folder for the report as JSON and as a picture." };
var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
var megabytes = new Option<int>("--megabytes")
{
    Description = "The payload of each measurement, in millions of bytes, in files of 64.",
    DefaultValueFactory = _ => 256,
};

var vm2vm = new Command("vm2vm", "Guest to guest: this switch, DPDK testpmd and Open vSwitch, side by side.") { rounds, seconds, size, mergeable, packed, inOrder, output, json };
vm2vm.SetAction(async result =>
{
    var settings = new Settings(result.GetValue(size), result.GetValue(mergeable), result.GetValue(packed), result.GetValue(inOrder), WarmUpSeconds: 1.5, result.GetValue(seconds));
    var report = await new VmToVm(settings, result.GetValue(rounds), Console.Error.WriteLine).RunAsync();
    Write(result, "vm2vm", report.ToJson(), report.ToSvg(), report.ToString());
});

const string GuestTcpText = "TCP with segmentation offload between Linux guests: this switch, Open vSwitch and the kernel's bridge, side by side.";
var guestTcp = new Command("guest-tcp", GuestTcpText) { rounds, megabytes, output, json };
guestTcp.SetAction(async result =>
{
    const int FileMegabytes = 64;
    var settings = new TcpSettings(FileMegabytes * 1_000_000, Math.Max(1, result.GetValue(megabytes) / FileMegabytes));
    var report = await new GuestTcp(settings, result.GetValue(rounds), Console.Error.WriteLine).RunAsync();
    Write(result, "guest-tcp", report.ToJson(), report.ToSvg(), report.ToString());
});

var generate = new Command("generate", "How fast this project's testpmd and DPDK's send into DPDK's net_vhost.") { rounds, seconds, size, mergeable, packed, inOrder };
generate.SetAction(async result =>
{
    var settings = new Settings(result.GetValue(size), result.GetValue(mergeable), result.GetValue(packed), result.GetValue(inOrder), WarmUpSeconds: 1.5, result.GetValue(seconds));
    Console.Write(await new Generation(settings, result.GetValue(rounds), Console.Error.WriteLine).RunAsync());
});

if (Environment.ProcessorCount < 2)
{
    Console.Error.WriteLine("bench: two cores are needed, one for the switch and one for the guests");
    return 1;
}
return await new RootCommand("Benchmarks of whole paths, each beside its peers in one run.") { vm2vm, guestTcp, generate }.Parse(args).InvokeAsync();

void Write(ParseResult result, string name, string asJson, string asPicture, string asText)
{
    if (result.GetValue(output) is { } folder)
    {
        folder.Create();
        File.WriteAllText(Path.Combine(folder.FullName, name + ".json"), asJson);
        File.WriteAllText(Path.Combine(folder.FullName, name + ".svg"), asPicture);
    }
    Console.Write(result.GetValue(json) ? asJson : asText);
}
