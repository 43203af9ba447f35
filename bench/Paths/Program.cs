using System.CommandLine;
using VhostSwitch.Bench.Paths;

var rounds = new Option<int>("--rounds") { Description = "How often every contender is measured.", DefaultValueFactory = _ => 5 };
var seconds = new Option<double>("--seconds") { Description = "How long each measurement takes, in seconds.", DefaultValueFactory = _ => 4 };
var size = new Option<int>("--size") { Description = "The frames' length in bytes.", DefaultValueFactory = _ => 64 };
var mergeable = new Option<bool>("--mergeable") { Description = "Mergeable receive buffers, which is not this switch's default." };
var packed = new Option<bool>("--packed") { Description = "Packed rings." };
var inOrder = new Option<bool>("--in-order") { Description = "Buffers used in order." };
var output = new Option<DirectoryInfo?>("--output") { Description = "A folder for vm2vm.json and vm2vm.svg." };
var json = new Option<bool>("--json") { Description = "Print the report as JSON." };

var vm2vm = new Command("vm2vm", "Guest to guest: this switch, DPDK testpmd and Open vSwitch, side by side.") { rounds, seconds, size, mergeable, packed, inOrder, output, json };
vm2vm.SetAction(async result =>
{
    if (Environment.ProcessorCount < 2)
    {
        Console.Error.WriteLine("bench: two cores are needed, one for the switch and one for the guests");
        return 1;
    }
    var settings = new Settings(result.GetValue(size), result.GetValue(mergeable), result.GetValue(packed), result.GetValue(inOrder), WarmUpSeconds: 1.5, result.GetValue(seconds));
    var report = await new VmToVm(settings, result.GetValue(rounds), Console.Error.WriteLine).RunAsync();
    if (result.GetValue(output) is { } folder)
    {
        folder.Create();
        File.WriteAllText(Path.Combine(folder.FullName, "vm2vm.json"), report.ToJson());
        File.WriteAllText(Path.Combine(folder.FullName, "vm2vm.svg"), Plot.Svg(report));
    }
    Console.Write(result.GetValue(json) ? report.ToJson() : report.ToString());
    return 0;
});

var generate = new Command("generate", "How fast testpmd and DPDK's send into DPDK's net_vhost.") { rounds, seconds, size, mergeable, packed, inOrder };
generate.SetAction(async result =>
{
    var settings = new Settings(result.GetValue(size), result.GetValue(mergeable), result.GetValue(packed), result.GetValue(inOrder), WarmUpSeconds: 1.5,
        result.GetValue(seconds));
    Console.Write(await new Generation(settings, result.GetValue(rounds), Console.Error.WriteLine).RunAsync());
    return 0;
});
return await new RootCommand("Benchmarks of whole paths, each beside its peers in one run.") { vm2vm, generate }.Parse(args).InvokeAsync();
