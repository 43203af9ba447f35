using VhostSwitch.Linux.Tests;
using Xunit.Runner.InProc.SystemConsole;

// A process of its own for what ends the process: the tests start this program again with the scenario's name.
return args is ["--scenario", var scenario] ? FaultScenarios.Run(scenario) : await ConsoleRunner.Run(args);
