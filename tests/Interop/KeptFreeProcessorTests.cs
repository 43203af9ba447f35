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
        // taskset has become the switch.
        var threads = Directory.GetDirectories($"/proc/{vhostSwitch.Pid}/task")
            .Select(task => (Name: File.ReadAllText($"{task}/comm").Trim(), Processors: ProcessorsOf(task))).ToList();
        Assert.Contains(("poll-0", "0"), threads);
        Assert.All(threads.Where(thread => thread.Name != "poll-0"), thread => Assert.Equal("1", thread.Processors));
    }

    private static string ProcessorsOf(string task) =>
        File.ReadLines($"{task}/status").Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split('\t')[1];
}
