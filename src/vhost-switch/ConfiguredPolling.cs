using System.Globalization;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Messages;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;

namespace VhostSwitch.Program;

/// <summary>The poll threads as whoever configures the switch wants them. Lives on the control thread.</summary>
/// <param name="configuration">The command line, which says what holds where nothing is wanted.</param>
/// <param name="dataPlane">The threads.</param>
/// <param name="log">Takes each line that people should read.</param>
internal sealed class ConfiguredPolling(SwitchConfiguration configuration, DataPlane dataPlane, Action<LogLevel, string> log)
{
    private const int MostSleepUs = 10_000;

    private PollSettings _last = new();
    private IReadOnlyList<(string Port, int Queue, int Core)> _homeless = [];

    /// <summary>Has threads come and go until they are those that are wanted.</summary>
    /// <param name="wanted">What is wanted.</param>
    public void Configure(PollSettings wanted)
    {
        if (wanted == _last) return;
        if (wanted.CoreMask != _last.CoreMask) UseCores(wanted.CoreMask);
        if (wanted.SleepUs != _last.SleepUs) dataPlane.Idle = IdleOf(wanted.SleepUs);
        if (wanted.Assignment != _last.Assignment && wanted.Assignment is { } assignment and not "cycles")
            log(LogLevel.Warning, $"other_config:pmd-rxq-assign={assignment}: queues are spread by what they bring, as with cycles; there is no other way here");
        _last = wanted;
    }

    /// <summary>Puts queues where they are wanted, and says where that cannot be.</summary>
    /// <param name="queues">The queues that are to be polled on a certain core.</param>
    public void Pin(IReadOnlyList<(string Port, int Queue, int Core)> queues)
    {
        if (queues.Count > 0) dataPlane.Balance();
        var homeless = queues.Where(queue => dataPlane.Threads.All(thread => thread.Core != queue.Core)).ToList();
        foreach (var (port, queue, core) in homeless.Except(_homeless))
        {
            log(LogLevel.Warning, $"core {core} cannot be pinned with port '{port}' rx queue {queue}: it does not poll. "
                + $"Use pmd-cpu-mask to have core {core} poll; another core is taken");
        }
        _homeless = homeless;
    }

    private void UseCores(string? mask)
    {
        int[] usual = [.. configuration.PollCores.Concat(configuration.ControlCores).Order()];
        IReadOnlyList<int> cores = mask is null ? configuration.PollCores : Chosen(mask, CpuAffinity.Present());
        var before = dataPlane.Threads.Select(thread => thread.Core).ToHashSet();
        // Off the polling cores where one is free.
        int[] free = [.. usual.Except(cores)];
        CpuAffinity.PinAllBut(PollThread.NamePrefix, free.Length > 0 ? free : usual);
        dataPlane.UseCores(cores);
        foreach (int core in cores.Where(core => !before.Contains(core)))
            log(LogLevel.Info, VhostSwitchMessages.PollingStarted(core));
        foreach (int core in before.Except(cores))
            log(LogLevel.Info, $"core {core} polls no more");
    }

    private IReadOnlyList<int> Chosen(string mask, int[] present)
    {
        try
        {
            var asked = CoreMask.Parse(mask, "other_config:pmd-cpu-mask");
            int[] absent = [.. asked.Except(present)];
            if (absent.Length > 0)
                log(LogLevel.Warning, $"other_config:pmd-cpu-mask={mask}: core {string.Join(", ", absent)} is not there for this program");
            if (absent.Length < asked.Count) return [.. asked.Except(absent)];
        }
        catch (CommandLineException e)
        {
            log(LogLevel.Warning, e.Message);
        }
        log(LogLevel.Warning, $"other_config:pmd-cpu-mask={mask} has no effect: the cores of the command line poll");
        return configuration.PollCores;
    }

    // A thread that may sleep at all sleeps until it is woken, which a guest's kick does at once.
    private IdlePolicy IdleOf(string? text)
    {
        if (text is null) return configuration.Idle;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int us) && us <= MostSleepUs)
            return us == 0 ? IdlePolicy.Busy : IdlePolicy.Adaptive;
        log(LogLevel.Warning, $"other_config:pmd-maxsleep={text} was given, 0 to {MostSleepUs} is allowed: it has no effect");
        return configuration.Idle;
    }
}
