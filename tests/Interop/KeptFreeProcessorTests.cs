using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// Machines for packet processing keep processors free for those that ask for them, by <c>isolcpus=</c> or a mask that a program starts with: the switch
/// polls there where it is told to, and nothing else of it runs there.
/// </summary>
public sealed class KeptFreeProcessorTests : InteropTest
{
    [Fact]
    public async Task PollsOnAProcessorThatItWasNotStartedOn()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "two processors are needed");
        string socket = Folder.File("s0"), control = Folder.File("ctl");
        string[] arguments = ["--cpu-list", "1", Repository.SwitchProgram, "-l", "0", "--", "--socket-file", socket, "--ctl-socket", control];
        SwitchProcess vhostSwitch = Own(SwitchProcess.StartWith(Folder, arguments, [socket], control, program: "taskset"), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        var threads = ThreadsOf(vhostSwitch);
        Assert.Contains(("poll-0", "0"), threads);
        Assert.All(threads.Where(thread => thread.Name != "poll-0"), thread => Assert.Equal("1", thread.Processors));
    }

    [Fact]
    public async Task TheDatabaseMayNameSuchAProcessor()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "two processors are needed");
        OpenVswitch ovs = Own(OpenVswitch.Create(Folder), o => o.Transcripts);
        await ovs.StartDatabaseAsync();
        string control = Folder.File("ctl");
        string[] arguments = ["--cpu-list", "1", Repository.SwitchProgram, "-l", "1", "--", "--ovsdb", ovs.Database, "--ctl-socket", control];
        SwitchProcess vhostSwitch = Own(SwitchProcess.StartWith(Folder, arguments, [], control, program: "taskset"), p => [p.Transcript]);
        await vhostSwitch.WaitUntilServingAsync();
        await ovs.ConfigureAsync("set", "Open_vSwitch", ".", "other_config:pmd-cpu-mask=0x1");
        await Until.TrueAsync(() => ThreadsOf(vhostSwitch).Contains(("poll-0", "0")), Limits.Step, "processor 0 polls");
    }

    // taskset has become the switch.
    private static List<(string Name, string Processors)> ThreadsOf(SwitchProcess vhostSwitch) =>
        [.. Directory.GetDirectories($"/proc/{vhostSwitch.Pid}/task").Select(task => (File.ReadAllText($"{task}/comm").Trim(), ProcessorsOf(task)))];

    private static string ProcessorsOf(string task) =>
        File.ReadLines($"{task}/status").Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split('\t')[1];
}
