using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Linux;
using VhostSwitch.Ports;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Prompt;

namespace VhostSwitch.Testpmd;

/// <summary>The program: reads the command line, makes the ports, and carries out what is typed, or forwards until it is to end.</summary>
public sealed class TestpmdProgram
{
    private const string PromptText = "testpmd> ";

    private static readonly TimeSpan LinkLimit = TimeSpan.FromSeconds(3), LinkPause = TimeSpan.FromMilliseconds(50);

    private readonly TestpmdConfiguration _configuration;
    private readonly EventLoop _loop = new();
    private readonly TextWriter _output;
    private readonly Session _session;
    private readonly CommandTable _commands;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _failed;

    private TestpmdProgram(TestpmdConfiguration configuration, TextWriter output)
    {
        _configuration = configuration;
        _output = output;
        _session = new Session(configuration, _loop, OwnMemory.For(configuration.Eal.Memory), output);
        _commands = new CommandTable(_session);
    }

    /// <summary>Runs testpmd.</summary>
    /// <param name="args">The words after the program's name.</param>
    /// <returns><see cref="ExitCode.Ok"/>, or <see cref="ExitCode.Failed"/> with a sentence.</returns>
    public static int Run(string[] args)
    {
        SignalDisposition.HearInterrupt();
        // Lines come from the control thread and from the prompt.
        var output = TextWriter.Synchronized(Console.Out);
        try
        {
            var notices = new List<string>();
            if (TestpmdCommandLine.Parse(args, CpuAffinity.Present(), notices, CpuAffinity.Current()) is not { } configuration)
            {
                TestpmdHelp.Write(output);
                return ExitCode.Ok;
            }
            foreach (string notice in notices.Concat(OwnMemory.Notices(configuration.Eal.Memory)))
                output.WriteLine(notice);
            return new TestpmdProgram(configuration, output).Run();
        }
        catch (Exception e) when (e is CommandLineException or TestpmdException or PortException or LinuxException)
        {
            Console.Error.WriteLine($"testpmd: {e.Message}");
            return ExitCode.Failed;
        }
    }

    private int Run()
    {
        using var signals = new Signals(this);
        var control = new Thread(RunControl) { Name = "control" };
        try
        {
            MakePorts();
        }
        catch
        {
            _session.Dispose();
            throw;
        }
        control.Start();
        try
        {
            WaitForLinks();
            Do(Begin);
            var input = new Thread(_configuration.Interactive ? ReadCommands : WaitForEnter) { Name = "input", IsBackground = true };
            // Statistics are printed until a signal comes, whatever is typed.
            if (_configuration.Interactive || _configuration.StatisticsPeriodSeconds == 0) input.Start();
            _ended.Task.Wait();
        }
        finally
        {
            _loop.Post(_session.Dispose);
            _loop.Stop();
            control.Join();
            _loop.Dispose();
        }
        return _failed ? ExitCode.Failed : ExitCode.Ok;
    }

    // Before the control thread runs: what cannot be made ends the program.
    private void MakePorts()
    {
        if (_configuration.Interactive) _output.WriteLine("Interactive-mode selected");
        foreach (var vdev in _configuration.Eal.Devices)
        {
            _output.WriteLine($"Configuring Port {_session.Ports.Count} (socket 0)");
            _session.AddPort(vdev);
        }
        if (_session.Ports.Count == 0) _output.WriteLine("No probed ethernet devices: --vdev and -a make ports");
        if (_session.ForwardingPorts.Count % 2 == 1 && _session.Settings.Topology == Forwarding.PortTopology.Paired)
            _output.WriteLine("\nWarning! port-topology=paired and odd forward ports number, the last port will pair with itself.\n");
    }

    // A port that connects to somebody needs a moment: frames that are sent first are not to be lost by that.
    private void WaitForLinks()
    {
        _output.WriteLine("Checking link statuses...");
        long start = Stopwatch.GetTimestamp();
        while (_configuration.WaitsForLinks && Stopwatch.GetElapsedTime(start) < LinkLimit && !_ended.Task.IsCompleted && !Do(AllAreUp))
            Thread.Sleep(LinkPause);
        _output.WriteLine("Done");
    }

    private bool AllAreUp()
    {
        foreach (var port in _session.Ports.Values.Where(port => !port.IsUp))
            port.Device.Check();
        return _session.Ports.Values.All(port => port.IsUp);
    }

    private bool Begin()
    {
        if (_configuration.CommandFile is { } file) _commands.Load(file);
        if (_session.HasQuit) _ended.TrySetResult();
        else if (_configuration.Interactive)
        {
            if (_configuration.AutoStart && !_session.IsForwarding) _commands.Run("start");
        }
        else
        {
            _output.WriteLine("No commandline core given, start packet forwarding");
            if (!_session.IsForwarding) _session.Start(_configuration.TransmitFirst ? 1 : 0);
            if (_configuration.StatisticsPeriodSeconds > 0)
                _loop.Every(TimeSpan.FromSeconds(_configuration.StatisticsPeriodSeconds), PrintStatistics);
            else _output.WriteLine("Press enter to exit");
        }
        return true;
    }

    // Has the control thread do something, and waits; what it throws, this throws.
    private T Do<T>(Func<T> work) => _loop.Invoke(work).GetAwaiter().GetResult();

    private void RunControl()
    {
        int[] cores = [.. CpuAffinity.Current().Except(_configuration.Cores)];
        if (cores.Length > 0) CpuAffinity.Pin(cores);
        try
        {
            _loop.Run();
        }
        catch (Exception e)
        {
            // A fault of this program: it cannot go on without its control thread, and says so.
            _failed = true;
            Console.Error.WriteLine($"testpmd: the control thread failed: {e}");
            _ended.TrySetResult();
        }
    }

    private void ReadCommands()
    {
        var editor = new LineEditor(PromptText, _commands.Suggest);
        while (editor.Read() is { } line)
        {
            if (Do(() => RunLine(line))) return;
        }
        Quit();
    }

    // True where it was the last one.
    private bool RunLine(string line)
    {
        _commands.Run(line);
        if (_session.HasQuit) _ended.TrySetResult();
        return _session.HasQuit;
    }

    private void WaitForEnter()
    {
        _ = Console.In.Read();
        Quit();
    }

    private void Quit() => _loop.Post(() =>
    {
        _session.Quit();
        _ended.TrySetResult();
    });

    private void PrintStatistics()
    {
        // A terminal shows one screen at a time (ECMA-48: erase everything, cursor home).
        if (!Console.IsOutputRedirected) _output.Write("\e[2J\e[H");
        if (!_configuration.Json) _output.WriteLine("\nPort statistics ====================================");
        _commands.Run("show port stats all");
    }

    // A signal ends the program as quit does.
    private sealed class Signals : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations;

        public Signals(TestpmdProgram program) => _registrations =
            [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                program._output.WriteLine($"\nSignal {signal} received, preparing to exit...");
                program.Quit();
            }))];

        public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());
    }
}
