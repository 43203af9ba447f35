using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Prompt;

namespace VhostSwitch.Testpmd.Tests.Prompt;

/// <summary>A session whose control thread is the test's own.</summary>
internal sealed class SessionRig : IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly StringWriter _output = new() { NewLine = "\n" };
    private readonly CommandTable _commands;

    public SessionRig(string line)
    {
        int[] cores = CpuAffinity.Current();
        var configuration = TestpmdCommandLine.Parse(line.Split(' '), cores, [])!;
        // Threads of tests that run side by side are kept on no core.
        Session = new Session(configuration with { Cores = [-1, -1] }, _loop, new FrameMemory(0), _output);
        foreach (var vdev in configuration.Eal.Devices)
            Session.AddPort(vdev);
        _commands = new CommandTable(Session);
        Taken();
    }

    public Session Session { get; }

    public IReadOnlyList<PromptCommand> Commands => _commands.Commands;

    public IReadOnlyList<string> Suggest(string line) => _commands.Suggest(line);

    /// <summary>Carries out a line and gives what it printed.</summary>
    public string Run(string line)
    {
        _commands.Run(line);
        return Taken();
    }

    public void Dispose()
    {
        Session.Dispose();
        _loop.Dispose();
    }

    private string Taken()
    {
        string text = _output.ToString();
        _output.GetStringBuilder().Clear();
        return text;
    }
}
